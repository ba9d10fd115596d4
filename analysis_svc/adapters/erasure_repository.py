"""Requests to erase, in Postgres."""

from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert as upsert

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.retention_tables import erasures
from analysis_svc.domain.erasures import Erasure, ErasureState


class ErasureRepository:
    """Keeps requests; the pipelines write what became of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, tenant_id: UUID, erasure: Erasure, subject_hash: bytes) -> Erasure:
        """Keep a request with its audit event; one of that id that is there is returned as it is."""
        kept = upsert(erasures).values(
            tenant_id=tenant_id,
            id=erasure.erasure_id,
            subject_hash=subject_hash,
            state=erasure.state.value,
            requested_at=erasure.requested_at,
            requested_by=erasure.requested_by,
        )
        once = kept.on_conflict_do_nothing().returning(erasures.c.id)
        same = select(erasures).where(erasures.c.id == erasure.erasure_id)
        async with self._database.tenant(tenant_id) as connection:
            if (await connection.execute(once)).one_or_none() is None:
                return _erasure((await connection.execute(same)).one())
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=erasure.requested_by,
                action="erasure.requested",
                subject=f"erasures/{erasure.erasure_id}",
                detail={},
            )
        return erasure

    async def get(self, tenant_id: UUID, erasure_id: UUID) -> Erasure | None:
        """Return one, or None."""
        async with self._database.tenant(tenant_id) as connection:
            row = (
                await connection.execute(select(erasures).where(erasures.c.id == erasure_id))
            ).one_or_none()
        return None if row is None else _erasure(row)

    async def page(self, tenant_id: UUID, *, limit: int) -> Sequence[Erasure]:
        """Return requests, the newest first."""
        query = select(erasures).order_by(erasures.c.requested_at.desc(), erasures.c.id).limit(limit)
        async with self._database.tenant(tenant_id) as connection:
            return [_erasure(row) for row in await connection.execute(query)]


def _erasure(row: Row[tuple[object, ...]]) -> Erasure:
    return Erasure(
        erasure_id=row.id,
        state=ErasureState(row.state),
        requested_at=row.requested_at.astimezone(UTC),
        requested_by=row.requested_by,
        finished_at=None if row.finished_at is None else row.finished_at.astimezone(UTC),
        analyses=row.analyses,
        findings=row.findings,
        held=row.held,
    )
