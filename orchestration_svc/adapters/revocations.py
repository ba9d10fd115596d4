"""Revoked tokens: Postgres is the truth, Valkey the copy that every service asks."""

import asyncio
import time
from datetime import UTC, datetime

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import delete, select

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import revoked_tokens
from orchestration_svc.domain.errors import StorageUnavailableError

REVOKED_SET = "llama-mapper:revoked"
# Tells an empty list from a cache that lost its data.
SENTINEL = "*complete*"
STALE_LIMIT_S = 300.0
SYNC_EVERY_S = 10.0
_REFETCH_AFTER_S = 2.0
_SKIP_VALKEY_S = 1.0
_log = structlog.get_logger("orchestration_svc")


class RevocationsUnavailableError(Exception):
    """Nobody can say whether a token was revoked, and the last known list is too old."""


class Revocations:
    """Publishes the list of revoked tokens and answers from it; fails closed after five minutes."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
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
        now = time.monotonic()
        if now >= self._skip_valkey_until:
            try:
                revoked, complete = await self._redis.smismember(REVOKED_SET, [token_id, SENTINEL])
                if complete:
                    return bool(revoked)
            except (RedisError, OSError, TimeoutError):
                self._skip_valkey_until = now + _SKIP_VALKEY_S
        if now - self._asked_at >= _REFETCH_AFTER_S:
            await self.current()
        if time.monotonic() - self._known_at > STALE_LIMIT_S:
            raise RevocationsUnavailableError
        return token_id in self._known

    async def current(self) -> frozenset[str]:
        """Read the list from Postgres; the last known one when Postgres is away.

        Raises:
            RevocationsUnavailableError: as for ``is_revoked``.
        """
        async with self._lock:
            self._asked_at = time.monotonic()
            try:
                await self._load()
            except StorageUnavailableError:
                if time.monotonic() - self._known_at > STALE_LIMIT_S:
                    raise RevocationsUnavailableError from None
            return self._known

    async def publish(self) -> None:
        """Copy the list to Valkey. When Valkey is away, the next round of ``keep_published`` does it."""
        await self.current()
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(REVOKED_SET)
                pipe.sadd(REVOKED_SET, SENTINEL, *self._known)
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
            except (RevocationsUnavailableError, StorageUnavailableError) as error:
                _log.warning("revocations_not_read", error_type=type(error).__name__)
            await asyncio.sleep(SYNC_EVERY_S)

    async def _load(self) -> None:
        now = datetime.now(UTC)
        query = select(revoked_tokens.c.token_id).where(
            revoked_tokens.c.revoked_at <= now, revoked_tokens.c.expires_at > now
        )
        async with self._database.platform() as connection:
            self._known = frozenset((await connection.execute(query)).scalars())
        self._known_at = time.monotonic()

    async def _forget_expired(self) -> None:
        async with self._database.platform() as connection:
            await connection.execute(
                delete(revoked_tokens).where(revoked_tokens.c.expires_at < datetime.now(UTC))
            )
