"""An Idempotency-Key: the same request sent twice is done once and answered alike."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.ports import Clock

KEPT = timedelta(hours=24)
# Whoever took a key and was not heard of for so long is believed dead.
HELD = timedelta(seconds=60)
_WAITS_S = 5.0
_LOOKS_EVERY_S = 0.05
_KIND = "answer to an idempotent request"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it was given.

    Attributes:
        status: HTTP status.
        body: JSON.
        location: path of what was made.
        replayed: whether this is a repetition.
        kept: what is kept of the body for repetitions, where that is less; text never is.
    """

    status: int
    body: str
    location: str | None = None
    replayed: bool = False
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a key.

    Attributes:
        body_hash: keyed hash of operation and body that came with it first.
        resource_id: the id of what the request makes, the same in each attempt.
        holder: who works on it, or did.
        answer: the sealed answer; None while there is none.
    """

    body_hash: bytes
    resource_id: UUID
    holder: UUID
    answer: bytes | None


class IdempotencyStore(Protocol):
    """Keeps keys for a day."""

    async def take(
        self,
        tenant_id: UUID,
        key_hash: bytes,
        *,
        body_hash: bytes,
        holder: UUID,
        now: datetime,
        held_until: datetime,
        expires_at: datetime,
    ) -> Record:
        """Take a key that is new, expired or was let go for this body; return what is known of it then."""
        ...

    async def finish(
        self, tenant_id: UUID, key_hash: bytes, *, holder: UUID, status: int, answer: bytes
    ) -> None:
        """Keep the answer, if the holder still holds the key."""
        ...

    async def let_go(self, tenant_id: UUID, key_hash: bytes, *, holder: UUID, forget: bool) -> None:
        """Let others take the key: as if it had never come, or for the same body only."""
        ...


class AnswerSealer(Protocol):
    """Encrypts what is kept of an answer, for its tenant."""

    async def seal(self, tenant_id: UUID, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """Encrypt (what it is, text) pairs; what it is must be told again to open it."""
        ...

    async def open(self, tenant_id: UUID, sealed: Sequence[tuple[str, bytes]]) -> list[str]:
        """Decrypt what was sealed for this tenant."""
        ...


class KeyedHash(Protocol):
    """Hashes with a secret: short texts cannot be guessed from what is stored."""

    def __call__(self, *parts: bytes) -> bytes:
        """Return 32 bytes."""
        ...


Act = Callable[[UUID], Awaitable[Recorded]]


class Idempotency:
    """Does what a request asks for once for each key, tenant and body."""

    def __init__(
        self, store: IdempotencyStore, sealer: AnswerSealer, keyed_hash: KeyedHash, clock: Clock
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._hash = keyed_hash
        self._clock = clock

    async def once(self, tenant_id: UUID, *, operation: str, key: str, body: bytes, act: Act) -> Recorded:
        """Act, or return what was answered before; a request under way elsewhere is waited for.

        Args:
            tenant_id: whose key it is.
            operation: what is asked for.
            key: as it was sent.
            body: as it was sent.
            act: does it, and makes what it makes under the id it is given; called again for the same id
                after a crash, so it must find what is there already.

        Raises:
            ServiceError: CONFLICT when the key came with another request, or the first one is still under
                way; SERVICE_UNAVAILABLE when the database is away; whatever ``act`` raises.
        """
        key_hash = self._hash(b"key", key.encode())
        body_hash = self._hash(b"body", operation.encode(), body)
        holder = uuid4()
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _WAITS_S
        while True:
            now = self._clock.now()
            record = await self._store.take(
                tenant_id,
                key_hash,
                body_hash=body_hash,
                holder=holder,
                now=now,
                held_until=now + HELD,
                expires_at=now + KEPT,
            )
            if record.body_hash != body_hash:
                raise ServiceError(
                    ErrorCode.CONFLICT, "this Idempotency-Key came with another request before"
                )
            if record.answer is not None:
                return await self._opened(tenant_id, record.answer)
            if record.holder == holder:
                return await self._act(tenant_id, key_hash, record, act)
            if loop.time() > give_up_at:
                raise ServiceError(
                    ErrorCode.CONFLICT, "the first request with this Idempotency-Key is still under way"
                )
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def _act(self, tenant_id: UUID, key_hash: bytes, record: Record, act: Act) -> Recorded:
        try:
            done = await act(record.resource_id)
        except Exception as error:
            # A commit that was not confirmed may have happened: then the next attempt must find its id.
            unsure = not isinstance(error, ServiceError) or isinstance(error, StorageUnavailableError)
            try:
                await self._store.let_go(tenant_id, key_hash, holder=record.holder, forget=not unsure)
            except StorageUnavailableError:
                raise error from None  # it lets itself go in a minute
            raise
        body = done.body if done.kept is None else done.kept
        kept = json.dumps({"status": done.status, "body": body, "location": done.location})
        sealed = (await self._sealer.seal(tenant_id, [(_KIND, kept)]))[0]
        await self._store.finish(tenant_id, key_hash, holder=record.holder, status=done.status, answer=sealed)
        return done

    async def _opened(self, tenant_id: UUID, answer: bytes) -> Recorded:
        kept = json.loads((await self._sealer.open(tenant_id, [(_KIND, answer)]))[0])
        return Recorded(kept["status"], kept["body"], kept["location"], replayed=True)
