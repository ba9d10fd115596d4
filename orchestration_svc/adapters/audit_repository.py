"""The audit log in Postgres. An event is written in the transaction of the act it tells of."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import audit_events, audit_heads
from orchestration_svc.domain.audit import GENESIS, AuditEvent, ChainState, event_hash, verify_chain


async def append_event(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, object],
) -> None:
    """Append to the tenant's chain; the head row's lock keeps writers in order."""
    start = upsert(audit_heads).values(tenant_id=tenant_id, length=0, hash=GENESIS)
    await connection.execute(start.on_conflict_do_nothing())
    head = (
        await connection.execute(
            select(audit_heads).where(audit_heads.c.tenant_id == tenant_id).with_for_update()
        )
    ).one()
    at, seq = datetime.now(UTC), head.length + 1
    digest = event_hash(
        tenant_id=tenant_id,
        seq=seq,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        previous_hash=head.hash,
    )
    await connection.execute(
        insert(audit_events).values(
            tenant_id=tenant_id,
            seq=seq,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            previous_hash=head.hash,
            hash=digest,
        )
    )
    await connection.execute(
        update(audit_heads).where(audit_heads.c.tenant_id == tenant_id).values(length=seq, hash=digest)
    )


class AuditRepository:
    """Reads the chain of one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> list[AuditEvent]:
        """Return events newest first, older than position ``before``."""
        query = select(audit_events).order_by(audit_events.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_events.c.seq < before)
        async with self._database.tenant(tenant_id) as connection:
            return [_event(row) for row in await connection.execute(query)]

    async def verify(self, tenant_id: UUID) -> ChainState:
        """Check the whole chain against its recorded head."""
        async with self._database.tenant(tenant_id) as connection:
            # The head first: events appended while we read are then more than recorded, never fewer.
            head = (await connection.execute(select(audit_heads).with_for_update())).one_or_none()
            rows = await connection.execute(select(audit_events).order_by(audit_events.c.seq))
            return verify_chain(
                map(_event, rows),
                recorded_length=head.length if head else 0,
                recorded_hash=bytes(head.hash) if head else GENESIS,
            )


def _event(row: Row[tuple[object, ...]]) -> AuditEvent:
    return AuditEvent(
        tenant_id=row.tenant_id,
        seq=row.seq,
        at=row.at.astimezone(UTC),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
        previous_hash=bytes(row.previous_hash),
        hash=bytes(row.hash),
    )
