"""What was found in texts, sealed, in Valkey or Redis."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestration_svc.adapters.kept_bytes import ByteAllowance
from orchestration_svc.adapters.keyed_hash import KeyedSha256
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.response_cache import CacheAwayError, Seen

PREFIX = "orchestration:seen"
LARGEST = 64 * 1024
"""Most bytes of one entry; what is larger is not kept, and not read either."""
_WAIT_S = 0.05
"""Longest that a request waits for Valkey, in seconds."""
_SKIP_S = 1.0
"""How long Valkey is left alone after it failed or was slow, in seconds."""
_NONCE_BYTES = 12
_AWAY = (RedisError, OSError, TimeoutError)
_CANNOT_BE_WRITTEN = (msgspec.MsgspecError, OverflowError, UnicodeEncodeError)
_log = structlog.get_logger("orchestration_svc")


class KeptEvents(Protocol):
    """Counts what was kept."""

    def cache_kept(self, outcome: str) -> None:
        """``kept``, ``too_large``, ``no_room`` or ``unavailable``."""
        ...


class ValkeySeenStore:
    """Implements the port `SeenStore`.

    Entries are encrypted with AES-256-GCM, each place with a key of its own, and bound to it: what somebody
    writes into Valkey, or moves there from another place or tenant, does not open and is not used.

    Args:
        valkey: shared by all processes.
        keyed_hash: makes the keys that entries are sealed with.
        background: holds what is being written.
        allowance: how much may be written.
        events: counts.
        kept_s: how long entries are kept, in seconds.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        valkey: Redis,
        keyed_hash: KeyedSha256,
        background: BackgroundWork,
        allowance: ByteAllowance,
        events: KeptEvents,
        *,
        kept_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._valkey = valkey
        self._hash = keyed_hash
        self._background = background
        self._allowance = allowance
        self._events = events
        self._kept_s = kept_s
        self._clock = clock
        self._skip_until = float("-inf")

    async def get(self, tenant_id: UUID, key: bytes) -> Seen | None:
        """Return what is kept, None for nothing or what cannot be read; raises CacheAwayError."""
        if self._clock() < self._skip_until:
            raise CacheAwayError
        name = _name(tenant_id, key)
        try:
            async with asyncio.timeout(_WAIT_S):
                # Bytes as they are: whatever lies there, reading it as text must not fail.
                sealed = await self._valkey.execute_command(  # type: ignore[no-untyped-call]
                    "GETRANGE", name, 0, LARGEST, NEVER_DECODE=True
                )
        except _AWAY as error:
            self._leave(error)
            raise CacheAwayError from None
        return self._opened(name, sealed) if sealed else None

    def put(self, tenant_id: UUID, key: bytes, seen: Seen) -> None:
        """Keep it, as far as there is room; does not wait and never fails."""
        if self._clock() < self._skip_until:
            self._events.cache_kept("unavailable")
            return
        name = _name(tenant_id, key)
        try:
            sealed = self._sealed(name, msgspec.msgpack.encode(seen))
        except _CANNOT_BE_WRITTEN:
            self._events.cache_kept("too_large")  # a number beyond 64 bits, or half a character
            return
        if len(sealed) > LARGEST:
            self._events.cache_kept("too_large")
            return
        has_room = self._allowance.take(tenant_id, len(name) + len(sealed))
        if not has_room or self._background.start(self._write(name, sealed)) is None:
            self._events.cache_kept("no_room")

    async def _write(self, name: str, sealed: bytes) -> None:
        try:
            await self._valkey.set(name, sealed, ex=self._kept_s)
        except _AWAY as error:
            self._leave(error)
            self._events.cache_kept("unavailable")
        else:
            self._events.cache_kept("kept")

    def _sealed(self, name: str, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher(name).encrypt(nonce, plain, None)

    def _opened(self, name: str, sealed: bytes) -> Seen | None:
        try:
            plain = self._cipher(name).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
            return msgspec.msgpack.decode(plain, type=Seen)
        except (InvalidTag, ValueError, msgspec.MsgspecError):
            _log.warning("cached_answer_not_read")
            return None

    def _cipher(self, name: str) -> AESGCM:
        return AESGCM(self._hash(b"entry", name.encode()))

    def _leave(self, error: Exception) -> None:
        self._skip_until = self._clock() + _SKIP_S
        _log.warning("response_cache_away", error_type=type(error).__name__)


def _name(tenant_id: UUID, key: bytes) -> str:
    return f"{PREFIX}:{tenant_id}:{key.hex()}"
