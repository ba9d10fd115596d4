"""Legal holds in Postgres."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, Select, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.retention_tables import legal_holds
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.legal_holds import LegalHold

# The deletion holds this while it deletes, so that a hold is either seen by it or waits for its end.
_KEEP_DELETIONS_OUT = text(
    "select pg_advisory_xact_lock(hashtextextended('analysis retention ' || :tenant, 0))"
)


async def keep_holds_out(connection: AsyncConnection, tenant_id: UUID) -> None:
    """Wait for whoever places holds or deletes, and keep them waiting until this transaction ends."""
    await connection.execute(_KEEP_DELETIONS_OUT, {"tenant": str(tenant_id)})


async def is_held(connection: AsyncConnection, moment: datetime) -> bool:
    """Return whether a hold of the transaction's tenant covers a moment, whatever its application.

    It is for what knows no applications, and so cannot be told to be of another than the one on hold.
    """
    found = await connection.execute(covering(moment))
    return found.one_or_none() is not None


def covering(moment: datetime) -> Select[tuple[UUID]]:
    """Return the query for a hold in force that covers a moment; an end that is not set is no end."""
    holds = legal_holds.c
    return (
        select(holds.id)
        .where(
            holds.released_at.is_(None),
            or_(holds.covers_from.is_(None), holds.covers_from <= moment),
            or_(holds.covers_to.is_(None), holds.covers_to > moment),
        )
        .limit(1)
    )


class HoldRepository:
    """Keeps holds; one that ended is still told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, tenant_id: UUID, hold: LegalHold, *, most: int) -> LegalHold:
        """Keep a hold with its audit event; when this returns, no deletion goes on that it would stop."""
        active = select(func.count()).select_from(legal_holds).where(legal_holds.c.released_at.is_(None))
        async with self._database.tenant(tenant_id) as connection:
            await keep_holds_out(connection, tenant_id)
            same = await connection.execute(select(legal_holds).where(legal_holds.c.id == hold.hold_id))
            if (placed := same.one_or_none()) is not None:
                return _hold(placed)
            if (await connection.execute(active)).scalar_one() >= most:
                raise ServiceError(ErrorCode.CONFLICT, f"a tenant has at most {most} holds in force")
            await connection.execute(
                insert(legal_holds).values(
                    tenant_id=tenant_id,
                    id=hold.hold_id,
                    reason=hold.reason,
                    application=hold.application,
                    covers_from=hold.covers_from,
                    covers_to=hold.covers_to,
                    placed_at=hold.placed_at,
                    placed_by=hold.placed_by,
                )
            )
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=hold.placed_by,
                action="legal_hold.placed",
                subject=f"legal-holds/{hold.hold_id}",
                detail={
                    "application": hold.application,
                    "covers_from": _iso(hold.covers_from),
                    "covers_to": _iso(hold.covers_to),
                },
            )
        return hold

    async def release(
        self, tenant_id: UUID, hold_id: UUID, *, at: datetime, actor: str
    ) -> tuple[LegalHold, bool] | None:
        """End a hold; the hold and whether it was in force until now, or None when there is none."""
        end = (
            update(legal_holds)
            .where(legal_holds.c.id == hold_id, legal_holds.c.released_at.is_(None))
            .values(released_at=at, released_by=actor)
        )
        async with self._database.tenant(tenant_id) as connection:
            ended = (await connection.execute(end)).rowcount > 0
            row = (
                await connection.execute(select(legal_holds).where(legal_holds.c.id == hold_id))
            ).one_or_none()
            if ended:
                await append_event(
                    connection,
                    tenant_id=tenant_id,
                    actor=actor,
                    action="legal_hold.released",
                    subject=f"legal-holds/{hold_id}",
                    detail={},
                )
        return None if row is None else (_hold(row), ended)

    async def page(self, tenant_id: UUID, *, active: bool | None, limit: int) -> Sequence[LegalHold]:
        """Return holds, the newest first; those in force, those that are not, or all."""
        query = select(legal_holds).order_by(legal_holds.c.placed_at.desc(), legal_holds.c.id).limit(limit)
        if active is not None:
            in_force = legal_holds.c.released_at.is_(None)
            query = query.where(in_force if active else ~in_force)
        async with self._database.tenant(tenant_id) as connection:
            return [_hold(row) for row in await connection.execute(query)]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _hold(row: Row[tuple[object, ...]]) -> LegalHold:
    hold = LegalHold(
        hold_id=row.id,
        reason=row.reason,
        application=row.application,
        covers_from=row.covers_from,
        covers_to=row.covers_to,
        placed_at=row.placed_at.astimezone(UTC),
        placed_by=row.placed_by,
    )
    if row.released_at is None:
        return hold
    return replace(hold, released_at=row.released_at.astimezone(UTC), released_by=row.released_by)
