"""The audit log: append-only, one hash chain for each tenant."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

GENESIS = bytes(32)
# The one tenant in which the role platform_admin exists; acts of the platform are in its chain.
OPERATOR_TENANT_ID = UUID("00000000-0000-4000-8000-000000000001")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act that was done.

    Attributes:
        tenant_id: whose chain it is in.
        seq: position in the chain, from 1 without gaps.
        at: when, UTC.
        actor: token id of the caller; ``cli`` or ``pipeline`` for what is done without one.
        action: what, such as ``framework.approved``.
        subject: id of the thing it was done to.
        detail: metadata, never content.
        previous_hash: hash of the event before, 32 zero bytes for the first.
        hash: this event's own.
    """

    tenant_id: UUID
    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, object]
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainState:
    """What verifying a chain found; ``broken_at`` is the first position that does not hold."""

    events: int
    intact: bool
    broken_at: int | None
    head: str


def event_hash(
    *,
    tenant_id: UUID,
    seq: int,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, object],
    previous_hash: bytes,
) -> bytes:
    """SHA-256 over the previous hash and the event as canonical JSON (sorted keys, no spaces)."""
    body = json.dumps(
        [str(tenant_id), seq, at.isoformat(), actor, action, subject, detail],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(previous_hash + body.encode()).digest()


class ChainCheck:
    """Verifies a chain piece by piece, in order."""

    def __init__(self) -> None:
        self._previous = GENESIS
        self._count = 0
        self._broken_at: int | None = None

    @property
    def intact(self) -> bool:
        """Whether every link so far holds."""
        return self._broken_at is None

    def feed(self, events: Iterable[AuditEvent]) -> None:
        """Check the next events; after the first that does not hold, nothing more is looked at."""
        for event in events:
            if not self.intact:
                return
            expected = event_hash(
                tenant_id=event.tenant_id,
                seq=event.seq,
                at=event.at,
                actor=event.actor,
                action=event.action,
                subject=event.subject,
                detail=event.detail,
                previous_hash=self._previous,
            )
            linked = event.seq == self._count + 1 and event.previous_hash == self._previous
            if not linked or event.hash != expected:
                self._broken_at = self._count + 1
                return
            self._previous, self._count = event.hash, self._count + 1

    def finish(self, *, recorded_length: int, recorded_hash: bytes) -> ChainState:
        """Say what was found, and that the chain ends where its recorded head says.

        Args:
            recorded_length: how many events the tenant's chain head says there are; a shorter chain was cut.
            recorded_hash: the hash it says the last of them has; a chain written anew has another.
        """
        broken_at = self._broken_at
        if broken_at is None and self._count != recorded_length:
            broken_at = self._count + 1
        if broken_at is None and self._previous != recorded_hash:
            broken_at = max(self._count, 1)
        return ChainState(
            self._count, intact=broken_at is None, broken_at=broken_at, head=self._previous.hex()
        )
