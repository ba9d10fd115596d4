"""The audit log in Postgres. An event is written in the transaction of the act it tells of."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.tables import audit_events, audit_heads
from analysis_svc.domain.audit import GENESIS, AuditEvent, ChainCheck, ChainState, event_hash

# Events read and hashed at once.
_PAGE = 2_000


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
        """Check the whole chain against its recorded head, without holding up those who append to it.

        Events are never changed, so those there are now can be read page by page; what is appended
        meanwhile belongs to the next check.
        """
        last = select(func.coalesce(func.max(audit_events.c.seq), 0)).scalar_subquery()
        async with self._database.tenant(tenant_id) as connection:
            # One statement: head and last event as one moment saw them.
            row = (await connection.execute(select(audit_heads, last.label("last")))).one_or_none()
            stray = 0 if row else (await connection.execute(select(last))).scalar_one()
        end = row.last if row else stray
        check, read = ChainCheck(), 0
        while check.intact and read < end:
            page = (
                select(audit_events)
                .where(audit_events.c.seq > read, audit_events.c.seq <= end)
                .order_by(audit_events.c.seq)
                .limit(_PAGE)
            )
            async with self._database.tenant(tenant_id) as connection:
                events = [_event(one) for one in await connection.execute(page)]
            if not events:
                break
            await asyncio.to_thread(check.feed, events)
            read = events[-1].seq
        return check.finish(
            recorded_length=row.length if row else 0, recorded_hash=bytes(row.hash) if row else GENESIS
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
