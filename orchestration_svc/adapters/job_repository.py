"""Jobs in Postgres, as those who submit them see them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.job_queue import JobQueue, JobTask
from orchestration_svc.adapters.job_rows import end_job, job_of, options_row, priority_of, required
from orchestration_svc.adapters.tables import job_items, jobs
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job import (
    ItemResult,
    ItemState,
    Job,
    JobOptions,
    JobState,
    SealedItem,
    WebhookState,
)


class JobRepository:
    """Submits, shows, cancels and retries jobs."""

    def __init__(self, database: Database, queue: JobQueue) -> None:
        self._database = database
        self._queue = queue

    async def add(
        self,
        *,
        tenant_id: UUID,
        job_id: UUID,
        submitter: str,
        options: JobOptions,
        items: Sequence[SealedItem],
        webhook_sealed: bytes | None,
        passes: int,
        at_most: int | None,
    ) -> Job:
        """Insert and enqueue; a job of that id that is there already is returned as it is.

        Raises:
            ServiceError: RATE_LIMITED when the tenant would have more than ``at_most`` that wait or run.
        """
        row = {
            "tenant_id": tenant_id,
            "id": job_id,
            "submitter": submitter,
            "state": JobState.QUEUED.value,
            "options": options_row(options),
            "items": len(items),
            "passes_left": passes - 1,
            "created_at": datetime.now(UTC),
            "webhook_sealed": webhook_sealed,
            "webhook_state": WebhookState.PENDING.value if webhook_sealed else None,
        }
        rows = [
            {
                "tenant_id": tenant_id,
                "job_id": job_id,
                "position": item.position,
                "reference": item.reference,
                "state": ItemState.WAITING.value,
                "sealed": item.sealed,
            }
            for item in items
        ]
        async with self._database.tenant(tenant_id) as connection:
            if at_most is not None:
                # One at a time, or two would not see each other's job.
                await connection.execute(select(func.pg_advisory_xact_lock(_lock_of(tenant_id))))
            inserted = upsert(jobs).values(row).on_conflict_do_nothing().returning(jobs.c.id)
            is_new = (await connection.execute(inserted)).one_or_none() is not None
            job = await required(connection, job_id)
            if is_new:
                await _check_room(connection, tenant_id, at_most)
                await connection.execute(insert(job_items), rows)
                await self._queue.put(
                    connection, JobTask.RUN, tenant_id=tenant_id, job_id=job_id, priority=priority_of(job)
                )
        return job

    async def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """Return it, or raise ServiceError NOT_FOUND."""
        async with self._database.tenant(tenant_id) as connection:
            return await required(connection, job_id)

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[Job]:
        """Return jobs newest first, those older than ``before``."""
        query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        async with self._database.tenant(tenant_id) as connection:
            if before is not None:
                mark = await required(connection, before)
                query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < (mark.created_at, mark.job_id))
            return [job_of(row) for row in await connection.execute(query)]

    async def results(self, tenant_id: UUID, job_id: UUID, *, after: int, limit: int) -> list[ItemResult]:
        """Return what became of the texts after a position, in order."""
        query = (
            select(job_items)
            .where(
                job_items.c.tenant_id == tenant_id,
                job_items.c.job_id == job_id,
                job_items.c.position > after,
            )
            .order_by(job_items.c.position)
            .limit(limit)
        )
        async with self._database.tenant(tenant_id) as connection:
            await required(connection, job_id)
            return [
                ItemResult(
                    position=row.position,
                    reference=row.reference,
                    state=ItemState(row.state),
                    status=row.status,
                    answer=row.answer,
                    error_code=row.error_code,
                )
                for row in await connection.execute(query)
            ]

    async def cancel(self, tenant_id: UUID, job_id: UUID, *, actor: str) -> Job:
        """End it, or ask the worker that has it to; a job that is cancelled already is returned as it is.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT when it has ended otherwise.
        """
        async with self._database.tenant(tenant_id) as connection:
            job = await required(connection, job_id, lock=True)
            if job.state is JobState.CANCELLED or job.cancel_requested:
                return job
            if job.has_ended:
                raise ServiceError(ErrorCode.CONFLICT, "this job has ended; there is nothing to cancel")
            if job.state is JobState.RUNNING:
                # The worker sees it with the next texts it writes down, the next worker at its claim.
                await connection.execute(
                    update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True)
                )
            else:
                await end_job(connection, self._queue, job, JobState.CANCELLED, None)
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="job.cancelled",
                subject=str(job_id),
                detail={},
            )
            return await required(connection, job_id)

    async def retry(self, tenant_id: UUID, job_id: UUID, *, actor: str, passes: int) -> Job:
        """Enqueue a job that waits for it.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT for a job that does not wait for it.
        """
        async with self._database.tenant(tenant_id) as connection:
            job = await required(connection, job_id, lock=True)
            if job.state is not JobState.WAITING_FOR_RETRY:
                raise ServiceError(
                    ErrorCode.CONFLICT,
                    "only a job that is waiting_for_retry can be retried",
                )
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id)
                .values(
                    state=JobState.QUEUED.value,
                    pass_number=job.pass_number + 1,
                    passes_left=passes - 1,
                    idle_runs=0,
                    waits_until=None,
                )
            )
            await self._queue.put(
                connection, JobTask.RUN, tenant_id=tenant_id, job_id=job_id, priority=priority_of(job)
            )
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="job.retried",
                subject=str(job_id),
                detail={},
            )
            return await required(connection, job_id)


def _lock_of(tenant_id: UUID) -> int:
    return int.from_bytes(tenant_id.bytes[:8], "big", signed=True)


async def _check_room(connection: AsyncConnection, tenant_id: UUID, at_most: int | None) -> None:
    if at_most is None:
        return
    open_states = (JobState.QUEUED.value, JobState.RUNNING.value)
    mine = select(func.count()).select_from(jobs)
    query = mine.where(jobs.c.tenant_id == tenant_id, jobs.c.state.in_(open_states))
    if (await connection.execute(query)).scalar_one() > at_most:
        raise ServiceError(
            ErrorCode.RATE_LIMITED, f"the tenant has {at_most} jobs that wait or run, as many as it may"
        )
