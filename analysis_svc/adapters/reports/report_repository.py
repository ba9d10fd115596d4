"""Reports in Postgres, for those who order them and for those who make them."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.job_queue import JobQueue, JobTask
from analysis_svc.adapters.reports.rows import report_of, report_row
from analysis_svc.adapters.reports.tables import report_files, reports
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.reports.ports import ReportLostError
from analysis_svc.domain.reports.report import FailReason, FileFacts, Report, ReportState

KEY_KEPT = timedelta(hours=24)
_OPEN = (ReportState.QUEUED.value, ReportState.RUNNING.value)


class ReportRepository:
    """Implements ReportStore and ReportRuns; one transaction for each call."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def add(self, report: Report, *, key_hash: bytes | None, at_most: int) -> Report:
        """Keep and enqueue it, or return the one that the same key ordered within a day."""
        async with self._database.tenant(report.tenant_id) as connection:
            # One order of a tenant at a time, so that neither key nor limit is passed by two at once.
            lock = text("select pg_advisory_xact_lock(hashtext('reports'), hashtext(:tenant))")
            await connection.execute(lock, {"tenant": str(report.tenant_id)})
            if key_hash is not None and (first := await _first(connection, key_hash, report)):
                return first
            waiting = select(func.count()).select_from(reports).where(reports.c.state.in_(_OPEN))
            if (await connection.execute(waiting)).scalar_one() >= at_most:
                detail = f"{at_most} reports of this tenant wait or are being made, as many as it may have"
                raise ServiceError(ErrorCode.CONFLICT, detail)
            await insert_report(connection, self._queue, report, key_hash)
        return report

    async def get(self, tenant_id: UUID, report_id: UUID) -> Report:
        """Return it, or raise ServiceError NOT_FOUND."""
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(select(reports).where(reports.c.id == report_id))).one_or_none()
        if row is None:
            raise _not_found()
        return report_of(row)

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[Report]:
        """Return reports newest first, those older than ``before``."""
        place = tuple_(reports.c.created_at, reports.c.id)
        query = select(reports).order_by(reports.c.created_at.desc(), reports.c.id.desc()).limit(limit)
        if before is not None:
            last = reports.alias("last")
            query = query.where(
                place < select(last.c.created_at, last.c.id).where(last.c.id == before).scalar_subquery()
            )
        async with self._database.tenant(tenant_id) as connection:
            return [report_of(row) for row in await connection.execute(query)]

    async def content(self, tenant_id: UUID, report_id: UUID) -> bytes:
        """Return the file of a report that is ready, or raise ServiceError NOT_FOUND."""
        query = select(report_files.c.content).where(report_files.c.report_id == report_id)
        async with self._database.tenant(tenant_id) as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        if found is None:
            raise _not_found()
        return bytes(found)

    async def claim(self, tenant_id: UUID, report_id: UUID) -> Report | None:
        """Take a report to make; None when it is not there or has ended.

        A running one is taken too: it is enqueued again only when its worker is believed dead, and what that
        one may still write does not count from here on.
        """
        claimed = (
            update(reports)
            .where(reports.c.id == report_id, reports.c.state.in_(_OPEN))
            .values(state=ReportState.RUNNING.value, run=reports.c.run + 1)
            .returning(*reports.c)
        )
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(claimed)).one_or_none()
        return None if row is None else report_of(row)

    async def finish(self, report: Report, facts: FileFacts, content: bytes) -> None:
        """Keep the file; ReportLostError when the claim no longer holds."""
        async with self._database.tenant(report.tenant_id) as connection:
            await _end(connection, report, {"state": ReportState.READY.value, "file": asdict(facts)})
            await connection.execute(
                insert(report_files),
                {"tenant_id": report.tenant_id, "report_id": report.report_id, "content": content},
            )
            await _tell(connection, report, "report.ready", {"sha256": facts.sha256, "size": facts.size})

    async def fail(self, report: Report, reason: FailReason) -> None:
        """End it without a file; ReportLostError when the claim no longer holds."""
        async with self._database.tenant(report.tenant_id) as connection:
            await _end(connection, report, {"state": ReportState.FAILED.value, "reason": reason.value})
            await _tell(connection, report, "report.failed", {"reason": reason.value})


async def insert_report(
    connection: AsyncConnection, queue: JobQueue, report: Report, key_hash: bytes | None
) -> None:
    """Insert, enqueue and audit a new report in somebody's transaction."""
    await connection.execute(insert(reports), report_row(report, key_hash))
    await queue.put(connection, JobTask.MAKE_REPORT, tenant_id=report.tenant_id, job_id=report.report_id)
    order = report.order
    await append_event(
        connection,
        tenant_id=report.tenant_id,
        actor=report.ordered_by,
        action="report.ordered",
        subject=str(report.report_id),
        detail={
            "framework": order.framework,
            "from": order.start.isoformat(),
            "to": order.end.isoformat(),
            "audience": order.audience.value,
            "format": order.format.value,
        },
    )


async def _first(connection: AsyncConnection, key_hash: bytes, again: Report) -> Report | None:
    """Return what a key ordered before; an old key is let go of."""
    query = select(reports).where(reports.c.key_hash == key_hash)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    first = report_of(row)
    if first.created_at < again.created_at - KEY_KEPT:
        await connection.execute(update(reports).where(reports.c.id == first.report_id).values(key_hash=None))
        return None
    if first.order != again.order:
        raise ServiceError(ErrorCode.CONFLICT, "this Idempotency-Key came with another order before")
    return first


async def _end(connection: AsyncConnection, report: Report, values: dict[str, object]) -> None:
    ended = (
        update(reports)
        .where(
            reports.c.id == report.report_id,
            reports.c.run == report.run,
            reports.c.state == ReportState.RUNNING.value,
        )
        .values(finished_at=datetime.now(UTC), **values)
    )
    if (await connection.execute(ended)).rowcount != 1:
        raise ReportLostError


async def _tell(connection: AsyncConnection, report: Report, action: str, detail: dict[str, object]) -> None:
    await append_event(
        connection,
        tenant_id=report.tenant_id,
        actor="worker",
        action=action,
        subject=str(report.report_id),
        detail=detail,
    )


def _not_found() -> ServiceError:
    return ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such report", field="report_id")
