"""Revoked tokens: Postgres is the truth, Valkey the copy that every service asks."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import revoked_tokens
from orchestration_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError

REVOKED_SET = "llama-mapper:revoked"
# Tells an empty list from a cache that lost its data.
SENTINEL = "*complete*"
STALE_LIMIT_S = 300.0
SYNC_EVERY_S = 10.0
_REFETCH_AFTER_S = 2.0
# Anybody may ask for the public list; nobody may make the database read it more often than this.
_PUBLIC_EVERY_S = 1.0
_SKIP_VALKEY_S = 1.0
# Verifiers allow for clocks that differ, so an expired token may pass a little longer: it stays listed.
_KEPT_AFTER_EXPIRY = timedelta(minutes=5)
_log = structlog.get_logger("orchestration_svc")


class RevocationsUnavailableError(ServiceError):
    """Nobody can say whether a token was revoked, and the last known list is too old."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.SERVICE_UNAVAILABLE, "revoked tokens cannot be known at the moment; try again"
        )


class Revocations:
    """Publishes the list of revoked tokens and answers from it; fails closed after five minutes."""

    def __init__(
        self, redis: Redis, database: Database, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._database = database
        self._known: frozenset[str] = frozenset()
        self._known_at = float("-inf")
        self._asked_at = float("-inf")
        self._skip_valkey_until = float("-inf")
        self._lock = asyncio.Lock()

    async def is_revoked(self, token_id: str) -> bool:
        """Tell whether the token was revoked: by Valkey, else Postgres, else the last known list.

        Raises:
            RevocationsUnavailableError: no source answered and the last known list is over five minutes old.
        """
        if token_id in self._known:
            return True  # for good, even when Valkey could not be told
        now = self._monotonic()
        if now >= self._skip_valkey_until:
            try:
                revoked, complete = await self._redis.smismember(REVOKED_SET, [token_id, SENTINEL])
                if complete:
                    return bool(revoked)
            except (RedisError, OSError, TimeoutError):
                self._skip_valkey_until = now + _SKIP_VALKEY_S
        async with self._lock:
            if self._monotonic() - self._asked_at >= _REFETCH_AFTER_S:
                await self._try_to_load()
        return token_id in self._last_known()

    def knows(self, token_id: str) -> bool:
        """Tell whether the token is known here to be revoked; that it is not says nothing."""
        return token_id in self._known

    async def current(self) -> frozenset[str]:
        """Read the list from Postgres, at most once a second; the last known one when Postgres is away.

        Raises:
            RevocationsUnavailableError: as for ``is_revoked``.
        """
        async with self._lock:
            if self._monotonic() - self._asked_at >= _PUBLIC_EVERY_S:
                await self._try_to_load()
        return self._last_known()

    async def publish(self) -> None:
        """Copy the list to Valkey. What cannot be done now, the next round of ``keep_published`` does."""
        try:
            before = set(await self._redis.smembers(REVOKED_SET))
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("revocations_not_published", error_type=type(error).__name__)
            before = None
        async with self._lock:
            if not await self._try_to_load() or before is None:
                return  # a list from memory must not be called complete
            known = self._known
        # Only what stood there before the list was read can have expired. Whatever came since, another
        # process published, and it stays.
        expired = before - known - {SENTINEL}
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                if expired:
                    pipe.srem(REVOKED_SET, *expired)
                pipe.sadd(REVOKED_SET, SENTINEL, *known)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("revocations_not_published", error_type=type(error).__name__)

    async def keep_published(self) -> None:
        """Publish every ten seconds for ever.

        That fills a cache that lost its data and starts revocations that were set for later.
        """
        while True:
            try:
                await self.publish()
                await self._forget_expired()
            except (StorageUnavailableError, SQLAlchemyError) as error:
                # Whatever the database says, such as that it is not migrated yet: the next round may work.
                _log.warning("revocations_not_read", error_type=type(error).__name__)
            await asyncio.sleep(SYNC_EVERY_S)

    def _last_known(self) -> frozenset[str]:
        if self._monotonic() - self._known_at > STALE_LIMIT_S:
            raise RevocationsUnavailableError
        return self._known

    async def _try_to_load(self) -> bool:
        asked_at = self._monotonic()
        now = datetime.now(UTC)
        query = select(revoked_tokens.c.token_id).where(
            revoked_tokens.c.revoked_at <= now, revoked_tokens.c.expires_at > now - _KEPT_AFTER_EXPIRY
        )
        try:
            async with self._database.platform() as connection:
                self._known = frozenset((await connection.execute(query)).scalars())
        except StorageUnavailableError:
            return False
        finally:
            self._asked_at = self._monotonic()  # when it ended: who waited must not ask in turn
        self._known_at = asked_at
        return True

    async def _forget_expired(self) -> None:
        async with self._database.platform() as connection:
            await connection.execute(
                delete(revoked_tokens).where(
                    revoked_tokens.c.expires_at < datetime.now(UTC) - _KEPT_AFTER_EXPIRY
                )
            )
