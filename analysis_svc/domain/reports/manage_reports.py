"""The use cases of those who order reports and read them."""

import hashlib
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.reports.ports import Renderer, ReportStore, ScheduleStore
from analysis_svc.domain.reports.report import (
    LONGEST_PERIOD,
    Audience,
    Report,
    ReportFile,
    ReportFormat,
    ReportOrder,
    ReportState,
)
from analysis_svc.domain.reports.schedule import Cadence, ReportSchedule, next_after

MOST_OPEN = 20
EXPORT_SCOPE = "evidence:export"
"""What an OSCAL report takes besides the scope of reports: it lets the evidence itself out."""
MOST_SCHEDULES = 50
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
Frameworks = Callable[[UUID], Awaitable[Collection[str]]]
"""Gives the ids of the frameworks that a tenant can have reports about."""


class ManageReports:
    """Reports and schedules of a tenant.

    Args:
        store: keeps reports.
        schedules: keeps schedules.
        renderer: knows which formats can be written.
        frameworks: knows which frameworks there are.
        now: the clock.
    """

    def __init__(
        self,
        store: ReportStore,
        schedules: ScheduleStore,
        renderer: Renderer,
        frameworks: Frameworks,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._schedules = schedules
        self._renderer = renderer
        self._frameworks = frameworks
        self._now = now

    async def order(self, caller: Principal, order: ReportOrder, *, key: str | None = None) -> Report:
        """Order a report; a worker makes it.

        Args:
            caller: who orders.
            order: what.
            key: the same key with the same order gives, for a day, the report that it gave first.

        Raises:
            ServiceError: INVALID_REQUEST naming the field; SERVICE_UNAVAILABLE when something that the format
                needs is missing; INSUFFICIENT_RBAC; CONFLICT when the key came with another order, or too
                many are open.
        """
        await self._check(caller, order)
        report = Report(
            tenant_id=caller.tenant_id,
            report_id=uuid4(),
            order=order,
            state=ReportState.QUEUED,
            reason=None,
            ordered_by=caller.token_id,
            schedule_id=None,
            run=0,
            created_at=self._now(),
            finished_at=None,
            file=None,
        )
        key_hash = None if key is None else hashlib.sha256(key.encode()).digest()
        return await self._store.add(report, key_hash=key_hash, at_most=MOST_OPEN)

    async def get(self, tenant_id: UUID, report_id: UUID) -> Report:
        """Return a report, or raise ServiceError NOT_FOUND."""
        return await self._store.get(tenant_id, report_id)

    async def page(self, tenant_id: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Report]:
        """Return reports newest first; none come after one that is not there."""
        return await self._store.page(tenant_id, before=before, limit=limit)

    async def file(self, caller: Principal, report_id: UUID) -> ReportFile:
        """Return the file of a report.

        Raises:
            ServiceError: NOT_FOUND; INSUFFICIENT_RBAC; CONFLICT when it is not ready, or never will be.
        """
        report = await self._store.get(caller.tenant_id, report_id)
        _check_scope(caller, report.order.format)
        if report.file is None:
            why = f", {report.reason.value}" if report.reason else ""
            raise ServiceError(
                ErrorCode.CONFLICT, f"the report is not ready: {report.state.value}{why}", field="report_id"
            )
        content = await self._store.content(caller.tenant_id, report_id)
        return ReportFile(report.file.name, report.file.media_type, content)

    async def schedule(
        self,
        caller: Principal,
        *,
        framework: str,
        application: str | None,
        audience: Audience,
        kind: ReportFormat,
        cadence: Cadence,
        schedule_id: UUID | None = None,
    ) -> ReportSchedule:
        """Have a report made for every day, week or month from the present one on; once for each id.

        Raises:
            ServiceError: as for an order; CONFLICT when the tenant has too many schedules.
        """
        now = self._now()
        schedule = ReportSchedule(
            tenant_id=caller.tenant_id,
            schedule_id=schedule_id or uuid4(),
            framework=framework,
            application=application,
            audience=audience,
            format=kind,
            cadence=cadence,
            next_at=next_after(cadence, now),
            created_by=caller.token_id,
            created_at=now,
        )
        await self._check_kind(caller, framework, kind)
        return await self._schedules.add(schedule, actor=caller.token_id, at_most=MOST_SCHEDULES)

    async def schedules(self, tenant_id: UUID) -> list[ReportSchedule]:
        """Return the tenant's schedules, the oldest first."""
        return await self._schedules.all(tenant_id)

    async def unschedule(self, caller: Principal, schedule_id: UUID) -> None:
        """Remove a schedule, or raise ServiceError NOT_FOUND; reports it made stay."""
        await self._schedules.remove(caller.tenant_id, schedule_id, actor=caller.token_id)

    async def fire(self, tenant_id: UUID, schedule_id: UUID) -> None:
        """Order what a schedule has due; what a worker does when its time has come."""
        await self._schedules.fire(tenant_id, schedule_id, now=self._now())

    async def _check(self, caller: Principal, order: ReportOrder) -> None:
        for name, moment in (("period.from", order.start), ("period.to", order.end)):
            if moment.tzinfo is None:
                raise _refused(name, "a time is given with its offset from UTC, such as 2026-11-01T00:00:00Z")
            if moment < _EARLIEST:
                raise _refused(name, "a time from 2000 on is accepted")
        if order.end > self._now() + timedelta(minutes=1):
            raise _refused("period.to", "a report is about a period that is over; this lies in the future")
        if order.start >= order.end:
            raise _refused("period.from", "must be before 'to'")
        if order.end - order.start > LONGEST_PERIOD:
            raise _refused("period.from", f"at most {LONGEST_PERIOD.days} days are accepted")
        await self._check_kind(caller, order.framework, order.format)

    async def _check_kind(self, caller: Principal, framework: str, kind: ReportFormat) -> None:
        if framework not in await self._frameworks(caller.tenant_id):
            raise _refused("framework", "there is no framework of this id")
        _check_scope(caller, kind)
        if missing := self._renderer.missing(kind):
            raise ServiceError(
                ErrorCode.SERVICE_UNAVAILABLE, f"{kind.value} reports need {missing}", field="format"
            )


def _check_scope(caller: Principal, kind: ReportFormat) -> None:
    if kind is ReportFormat.OSCAL and EXPORT_SCOPE not in caller.scopes:
        raise ServiceError(
            ErrorCode.INSUFFICIENT_RBAC,
            f"a report as OSCAL is an export: it takes '{EXPORT_SCOPE}' as well",
        )


def _refused(field: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=field)
