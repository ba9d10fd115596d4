"""Which tokens were revoked: asked of Valkey, then of orchestration_svc, then of memory, then closed."""

import asyncio
import time
from collections.abc import Callable

import httpx
import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

# The set that orchestration_svc keeps. The sentinel tells an empty list from a cache that lost its data.
REVOKED_SET = "llama-mapper:revoked"
SENTINEL = "*complete*"
STALE_LIMIT_S = 300.0
_REFETCH_AFTER_S = 2.0
_SKIP_VALKEY_S = 1.0


class RevocationsUnavailableError(Exception):
    """Nobody can say whether a token was revoked, and the last known list is too old."""


class _RevokedList(msgspec.Struct, frozen=True):
    revoked: list[str]


class Revocations:
    """Answers whether a token id was revoked; fails closed after five minutes without news."""

    def __init__(
        self,
        redis: Redis,
        client: httpx.AsyncClient,
        url: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._client = client
        self._url = f"{url.rstrip('/')}/.well-known/revoked.json"
        self._known: frozenset[str] = frozenset()
        self._known_at = float("-inf")
        self._asked_at = float("-inf")
        self._skip_valkey_until = float("-inf")
        self._lock = asyncio.Lock()

    async def is_revoked(self, token_id: str) -> bool:
        """Tell whether the token was revoked.

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
        await self._refetch()
        if self._monotonic() - self._known_at > STALE_LIMIT_S:
            raise RevocationsUnavailableError
        return token_id in self._known

    async def _refetch(self) -> None:
        async with self._lock:
            if self._monotonic() - self._asked_at < _REFETCH_AFTER_S:
                return
            try:
                response = await self._client.get(self._url)
                response.raise_for_status()
                answer = msgspec.json.decode(response.content, type=_RevokedList)
            except (httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError):
                return
            finally:
                self._asked_at = self._monotonic()  # when it ended: who waited must not ask in turn
            self._known = frozenset(answer.revoked)
            self._known_at = self._monotonic()
