"""The news that the fleet of models changed, over Valkey."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from mapper_svc.domain.own_task import is_cancelled

CHANNEL = "mapper:models"
"""Valkey channel; what is said on it has no meaning but that it was said."""
_RETRY_S = 1.0
_log = structlog.get_logger("mapper_svc")


class ModelNews:
    """Implements the port `FleetNews`. News may be lost: whoever waits looks again after a while anyhow.

    Args:
        valkey: carries them.
    """

    def __init__(self, valkey: Redis) -> None:
        self._valkey = valkey
        self._heard = asyncio.Event()

    async def tell(self) -> None:
        """Say that something changed; never fails."""
        self._heard.set()
        try:
            await self._valkey.publish(CHANNEL, "changed")
        except (RedisError, OSError) as error:
            _log.warning("model_news_not_sent", error_type=type(error).__name__)

    async def wait(self, seconds: float) -> None:
        """Return when something changed anywhere, or after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return
        self._heard.clear()

    async def follow(self) -> None:
        """Hear of changes, until cancelled."""
        while not is_cancelled():
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                _log.warning("model_news_not_heard", error_type=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self) -> None:
        async with self._valkey.pubsub() as news:
            await news.subscribe(CHANNEL)
            self._heard.set()  # what was said while nobody listened is not known
            while not is_cancelled():
                message = await news.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._heard.set()
