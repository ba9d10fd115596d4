"""The ledger of exports in Postgres: numbered without gaps, each linked to the one before it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.export_tables import evidence_exports
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports.export import ExportFormat
from analysis_svc.domain.exports.make_export import LedgerEntry, MadeExport
from analysis_svc.domain.exports.seal import NOTHING, Seal

_LOCK = text("select pg_advisory_xact_lock(hashtext(:name))")
_LAST = select(evidence_exports).order_by(evidence_exports.c.sequence.desc()).limit(1)


class ExportLedgerRepository:
    """Enters exports one at a time for each tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entry: LedgerEntry, seal: Callable[[int, str], Seal]) -> Seal:
        """Seal and enter an export, with its audit event, all or nothing; see the port."""
        async with self._database.tenant(entry.tenant_id) as connection:
            await connection.execute(_LOCK, {"name": f"evidence exports {entry.tenant_id}"})
            last = (await connection.execute(_LAST)).one_or_none()
            made = seal(last.sequence + 1 if last else 1, last.digest if last else NOTHING)
            await connection.execute(
                insert(evidence_exports).values(
                    tenant_id=entry.tenant_id,
                    sequence=made.sequence,
                    id=entry.export_id,
                    made_at=datetime.fromisoformat(made.made_at),
                    made_by=entry.made_by,
                    framework=entry.framework,
                    start_at=entry.period.start,
                    end_at=entry.period.end,
                    application=entry.period.application,
                    format=entry.format.value,
                    records=made.records,
                    content=made.content,
                    digest=made.digest(),
                    kid=made.kid,
                )
            )
            await append_event(
                connection,
                tenant_id=entry.tenant_id,
                actor=entry.made_by,
                action="evidence.exported",
                subject=f"evidence-exports/{made.sequence}",
                detail={
                    "framework": entry.framework,
                    "format": entry.format.value,
                    "records": made.records,
                    "digest": made.digest(),
                    "kid": made.kid,
                },
            )
        return made

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[MadeExport]:
        """Return exports, the newest first, numbered below ``before``."""
        query = select(evidence_exports).order_by(evidence_exports.c.sequence.desc()).limit(limit)
        if before is not None:
            query = query.where(evidence_exports.c.sequence < before)
        async with self._database.tenant(tenant_id) as connection:
            return [_made(row) for row in await connection.execute(query)]


def _made(row: Row[tuple[object, ...]]) -> MadeExport:
    return MadeExport(
        sequence=row.sequence,
        export_id=row.id,
        made_at=row.made_at.astimezone(UTC),
        made_by=row.made_by,
        framework=row.framework,
        period=Period(row.start_at.astimezone(UTC), row.end_at.astimezone(UTC), row.application),
        format=ExportFormat(row.format),
        records=row.records,
        content=row.content,
        digest=row.digest,
        kid=row.kid,
    )
