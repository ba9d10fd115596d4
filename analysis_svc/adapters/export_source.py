"""Reads what an export is made of from Postgres."""

from collections import defaultdict
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, literal, select, tuple_

from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_rows import record_of
from analysis_svc.adapters.tables import analyses, audit_events, findings
from analysis_svc.domain.audit import AuditEvent
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports.export import MAX_EVENTS, AuditExtract
from analysis_svc.domain.ports import EvidenceRecord

_PAGE = 1_000
T = TypeVar("T", bound=tuple[Any, ...])
Rows = list[Row[tuple[object, ...]]]


class ExportSourceReader:
    """Reads page by page, each in a transaction of its own, so that nothing is held up."""

    def __init__(self, database: Database, audit: AuditRepository) -> None:
        self._database = database
        self._audit = audit

    async def count(self, tenant_id: UUID, period: Period) -> int:
        """Count the analyses of a period."""
        async with self._database.tenant(tenant_id) as connection:
            query = _within(select(func.count()).select_from(analyses), period)
            return int((await connection.execute(query)).scalar_one())

    async def records(self, tenant_id: UUID, period: Period, *, most: int) -> list[EvidenceRecord]:
        """Return at most ``most`` analyses of a period with their findings, oldest first."""
        place = tuple_(analyses.c.analysed_at, analyses.c.id)
        records: list[EvidenceRecord] = []
        after: tuple[object, object] | None = None
        while len(records) < most:
            page = _within(select(analyses), period).order_by(analyses.c.analysed_at, analyses.c.id)
            page = page.limit(min(_PAGE, most - len(records)))
            if after is not None:
                page = page.where(place > tuple_(literal(after[0]), literal(after[1])))
            async with self._database.tenant(tenant_id) as connection:
                rows = list(await connection.execute(page))
                if not rows:
                    break
                found: dict[object, Rows] = defaultdict(list)
                theirs = select(findings).where(findings.c.analysis_id.in_([row.id for row in rows]))
                for one in await connection.execute(theirs.order_by(findings.c.finding_id)):
                    found[one.analysis_id].append(one)
            records += [record_of(row, found[row.id]) for row in rows]
            after = (rows[-1].analysed_at, rows[-1].id)
        return records

    async def audit(self, tenant_id: UUID, period: Period) -> AuditExtract:
        """Return the events of a period, and what checking the whole log finds; see the port."""
        during = and_(audit_events.c.at >= period.start, audit_events.c.at < period.end)
        async with self._database.tenant(tenant_id) as connection:
            # From the first to the last of them whatever the clocks of the writers said in between.
            ends = select(func.min(audit_events.c.seq), func.max(audit_events.c.seq)).where(during)
            first, last = (await connection.execute(ends)).one()
        state = await self._audit.verify(tenant_id)
        if first is None:
            return AuditExtract((), state)
        if last - first >= MAX_EVENTS:
            detail = f"there are more than {MAX_EVENTS} events in the audit log of this period"
            raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="from")
        events: list[AuditEvent] = []
        before = last + 1
        while before > first:
            page = await self._audit.page(tenant_id, before=before, limit=min(_PAGE, before - first))
            if not page:
                break
            events += page
            before = page[-1].seq
        return AuditExtract(tuple(one for one in reversed(events) if one.seq >= first), state)


def _within(query: Select[T], period: Period) -> Select[T]:
    query = query.where(analyses.c.analysed_at >= period.start, analyses.c.analysed_at < period.end)
    return query if period.application is None else query.where(analyses.c.application == period.application)
