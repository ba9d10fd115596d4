"""Audit events over the wire."""

from datetime import datetime

import msgspec


class AuditEventOut(msgspec.Struct, frozen=True):
    """One act; ``hash`` covers it and the hash before."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, object]
    previous_hash: str
    hash: str


class AuditPage(msgspec.Struct, frozen=True):
    """Events newest first; ``before`` asks for the next page, null at the end."""

    events: list[AuditEventOut]
    before: int | None


class ChainStateOut(msgspec.Struct, frozen=True):
    """What verifying the chain found."""

    events: int
    intact: bool
    broken_at: int | None
    head: str
