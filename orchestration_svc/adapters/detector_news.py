"""The news that an owner's registered detectors changed, over Valkey."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestration_svc.domain.own_task import is_cancelled

CHANNEL = "orchestration:detectors"
"""Valkey channel on which the id of the owner is told."""
_RETRY_S = 1.0
_log = structlog.get_logger("orchestration_svc")


class DetectorNews:
    """Implements the port `RegistrationNews`. News may be lost: what is kept is read again soon anyhow.

    Args:
        valkey: carries them.
        expire: makes an owner's registrations be read again; all owners' for None.
    """

    def __init__(self, valkey: Redis, expire: Callable[[UUID | None], None]) -> None:
        self._valkey = valkey
        self._expire = expire

    async def changed(self, owner: UUID) -> None:
        """Make the change hold here at once, elsewhere soon; never fails."""
        self._expire(owner)
        try:
            await self._valkey.publish(CHANNEL, str(owner))
        except (RedisError, OSError) as error:
            _log.warning("detector_news_not_sent", error_type=type(error).__name__)

    async def follow(self) -> None:
        """Hear of changes, until cancelled."""
        while not is_cancelled():
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _log.warning("detector_news_not_heard", error_type=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async with self._valkey.pubsub() as news:
            await news.subscribe(CHANNEL)
            self._expire(None)  # what was said while nobody listened is not known
            while not is_cancelled():
                message = await news.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._hear(str(message["data"]))

    def _hear(self, said: str) -> None:
        try:
            self._expire(UUID(said))
        except ValueError:
            _log.warning("detector_news_not_understood")
