"""Schedules in Postgres. Each has one task in the queue, for when it is next due."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, text, update

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.job_queue import JobQueue, JobTask
from analysis_svc.adapters.reports.report_repository import insert_report
from analysis_svc.adapters.reports.rows import schedule_of, schedule_row
from analysis_svc.adapters.reports.tables import report_schedules
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.reports.report import Report, ReportState
from analysis_svc.domain.reports.schedule import ReportSchedule, next_after


class ScheduleRepository:
    """Implements ScheduleStore; one transaction for each call."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def add(self, schedule: ReportSchedule, *, actor: str, at_most: int) -> ReportSchedule:
        """Keep it and enqueue its first time, or return the one of that id.

        Raises:
            ServiceError: CONFLICT when there are so many already.
        """
        same = select(report_schedules).where(report_schedules.c.id == schedule.schedule_id)
        async with self._database.tenant(schedule.tenant_id) as connection:
            lock = text("select pg_advisory_xact_lock(hashtext('report_schedules'), hashtext(:tenant))")
            await connection.execute(lock, {"tenant": str(schedule.tenant_id)})
            if (added := (await connection.execute(same)).one_or_none()) is not None:
                return schedule_of(added)
            known = select(func.count()).select_from(report_schedules)
            if (await connection.execute(known)).scalar_one() >= at_most:
                detail = f"this tenant has {at_most} schedules, as many as it may have"
                raise ServiceError(ErrorCode.CONFLICT, detail)
            await connection.execute(insert(report_schedules), schedule_row(schedule))
            await self._queue.put(
                connection,
                JobTask.FIRE_SCHEDULE,
                tenant_id=schedule.tenant_id,
                job_id=schedule.schedule_id,
                at=schedule.next_at,
            )
            await append_event(
                connection,
                tenant_id=schedule.tenant_id,
                actor=actor,
                action="report_schedule.added",
                subject=str(schedule.schedule_id),
                detail={"framework": schedule.framework, "cadence": schedule.cadence.value},
            )
        return schedule

    async def all(self, tenant_id: UUID) -> list[ReportSchedule]:
        """Return them, the oldest first."""
        query = select(report_schedules).order_by(report_schedules.c.created_at, report_schedules.c.id)
        async with self._database.tenant(tenant_id) as connection:
            return [schedule_of(row) for row in await connection.execute(query)]

    async def remove(self, tenant_id: UUID, schedule_id: UUID, *, actor: str) -> None:
        """Remove it; its task finds nothing and ends."""
        async with self._database.tenant(tenant_id) as connection:
            gone = await connection.execute(
                delete(report_schedules).where(report_schedules.c.id == schedule_id)
            )
            if gone.rowcount != 1:
                detail = "this tenant has no such schedule"
                raise ServiceError(ErrorCode.NOT_FOUND, detail, field="schedule_id")
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="report_schedule.removed",
                subject=str(schedule_id),
                detail={},
            )

    async def fire(self, tenant_id: UUID, schedule_id: UUID, *, now: datetime) -> None:
        """Order the report that is due and enqueue the next, together.

        A task that comes twice finds that nothing is due. One that comes late orders the period that it was
        for, and the next task, due at once, the one after: no period is left out.
        """
        query = select(report_schedules).where(report_schedules.c.id == schedule_id).with_for_update()
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return
            schedule = schedule_of(row)
            if schedule.next_at > now:
                return
            report = Report(
                tenant_id=tenant_id,
                report_id=uuid4(),
                order=schedule.due_order(),
                state=ReportState.QUEUED,
                reason=None,
                ordered_by=schedule.created_by,
                schedule_id=schedule_id,
                run=0,
                created_at=now,
                finished_at=None,
                file=None,
            )
            await insert_report(connection, self._queue, report, None)
            following = replace(schedule, next_at=next_after(schedule.cadence, schedule.next_at))
            await connection.execute(
                update(report_schedules)
                .where(report_schedules.c.id == schedule_id)
                .values(next_at=following.next_at)
            )
            await self._queue.put(
                connection,
                JobTask.FIRE_SCHEDULE,
                tenant_id=tenant_id,
                job_id=schedule_id,
                at=following.next_at,
            )
