"""The audit log: append-only, one hash chain for each tenant."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

GENESIS = bytes(32)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One act that was done.

    Attributes:
        tenant_id: whose chain it is in.
        seq: position in the chain, from 1 without gaps.
        at: when, UTC.
        actor: token id of the caller, or ``cli``.
        action: what, such as ``key.issued``.
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


def verify_chain(events: Iterable[AuditEvent], *, recorded_length: int, recorded_hash: bytes) -> ChainState:
    """Check every link, and that the chain ends where its recorded head says.

    Args:
        events: the chain in order.
        recorded_length: how many events the tenant's chain head says there are; a shorter chain was cut.
        recorded_hash: the hash it says the last of them has; a chain written anew has another.
    """
    previous, count = GENESIS, 0
    for event in events:
        expected = event_hash(
            tenant_id=event.tenant_id,
            seq=event.seq,
            at=event.at,
            actor=event.actor,
            action=event.action,
            subject=event.subject,
            detail=event.detail,
            previous_hash=previous,
        )
        if event.seq != count + 1 or event.previous_hash != previous or event.hash != expected:
            return ChainState(count, intact=False, broken_at=count + 1, head=previous.hex())
        previous, count = event.hash, count + 1
    if count != recorded_length:
        return ChainState(count, intact=False, broken_at=count + 1, head=previous.hex())
    if previous != recorded_hash:
        return ChainState(count, intact=False, broken_at=max(count, 1), head=previous.hex())
    return ChainState(count, intact=True, broken_at=None, head=previous.hex())
