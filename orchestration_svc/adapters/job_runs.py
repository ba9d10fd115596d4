"""Jobs in Postgres, as the workers that run them see them. A claim that was overtaken writes nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.job_queue import JobQueue, JobTask
from orchestration_svc.adapters.job_rows import end_job, find, priority_of, required, still_claimed
from orchestration_svc.adapters.tables import job_items, jobs
from orchestration_svc.domain.job import (
    EndReason,
    ItemOutcome,
    ItemState,
    Job,
    JobState,
    SealedItem,
    WebhookState,
)


class JobRunsRepository:
    """Claims jobs, writes down what came out, ends them."""

    def __init__(self, database: Database, queue: JobQueue, retry_window: timedelta) -> None:
        self._database = database
        self._queue = queue
        self._retry_window = retry_window

    async def claim(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """Take a job to run; None when it is not there, has ended or waits for a person.

        A job that runs is taken too: it is enqueued again only when its worker is believed dead, and what
        that one may still write does not count from here on.
        """
        async with self._database.tenant(tenant_id) as connection:
            job = await find(connection, job_id, lock=True)
            if job is None or job.state not in (JobState.QUEUED, JobState.RUNNING):
                return None
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job_id)
                .values(
                    state=JobState.RUNNING.value,
                    run=job.run + 1,
                    idle_runs=job.idle_runs + 1,
                    started_at=job.started_at or datetime.now(UTC),
                )
            )
            return await required(connection, job_id)

    async def waiting_items(self, job: Job, *, limit: int) -> list[SealedItem]:
        """Return texts that this pass has not tried, in order."""
        query = (
            select(job_items.c.position, job_items.c.sealed, job_items.c.reference)
            .where(
                job_items.c.tenant_id == job.tenant_id,
                job_items.c.job_id == job.job_id,
                job_items.c.state == ItemState.WAITING.value,
                job_items.c.attempts < job.pass_number,
            )
            .order_by(job_items.c.position)
            .limit(limit)
        )
        async with self._database.tenant(job.tenant_id) as connection:
            rows = (await connection.execute(query)).all()
        return [SealedItem(row.position, bytes(row.sealed), row.reference) for row in rows]

    async def record(self, job: Job, outcomes: Sequence[ItemOutcome]) -> Job:
        """Write what came out and erase those texts.

        Raises:
            JobLostError: the claim no longer holds; nothing was written.
        """
        succeeded = sum(one.state is ItemState.SUCCEEDED for one in outcomes)
        failed = sum(one.state is ItemState.FAILED for one in outcomes)
        async with self._database.tenant(job.tenant_id) as connection:
            now = await still_claimed(connection, job)
            for outcome in outcomes:
                values: dict[str, object] = {
                    "state": outcome.state.value,
                    "attempts": job.pass_number,
                    "status": outcome.status,
                    "answer": outcome.answer,
                    "error_code": outcome.error_code,
                }
                if outcome.state is not ItemState.WAITING:
                    values["sealed"] = None
                await connection.execute(
                    update(job_items)
                    .where(
                        job_items.c.tenant_id == job.tenant_id,
                        job_items.c.job_id == job.job_id,
                        job_items.c.position == bindparam("at_position"),
                        job_items.c.state == ItemState.WAITING.value,
                    )
                    .values(values),
                    {"at_position": outcome.position},
                )
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job.job_id)
                .values(succeeded=now.succeeded + succeeded, failed=now.failed + failed, idle_runs=0)
            )
            return await required(connection, job.job_id)

    async def end(self, job: Job, state: JobState, reason: EndReason | None) -> None:
        """End it and erase every text.

        Raises:
            JobLostError: the claim no longer holds.
        """
        async with self._database.tenant(job.tenant_id) as connection:
            now = await still_claimed(connection, job)
            await end_job(connection, self._queue, now, state, reason)

    async def try_again(self, job: Job, *, at: datetime) -> None:
        """Enqueue the next pass.

        Raises:
            JobLostError: the claim no longer holds.
        """
        async with self._database.tenant(job.tenant_id) as connection:
            await still_claimed(connection, job)
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job.job_id)
                .values(
                    state=JobState.QUEUED.value,
                    pass_number=job.pass_number + 1,
                    passes_left=job.passes_left - 1,
                )
            )
            await self._queue.put(
                connection,
                JobTask.RUN,
                tenant_id=job.tenant_id,
                job_id=job.job_id,
                priority=priority_of(job),
                at=at,
            )

    async def wait_for_retry(self, job: Job) -> None:
        """Keep the waiting texts for a person to retry.

        Raises:
            JobLostError: the claim no longer holds.
        """
        until = datetime.now(UTC) + self._retry_window
        async with self._database.tenant(job.tenant_id) as connection:
            now = await still_claimed(connection, job)
            if now.cancel_requested:  # since the last texts were written down
                await end_job(connection, self._queue, now, JobState.CANCELLED, None)
                return
            await connection.execute(
                update(jobs)
                .where(jobs.c.id == job.job_id)
                .values(state=JobState.WAITING_FOR_RETRY.value, waits_until=until)
            )
            await self._queue.put(
                connection, JobTask.EXPIRE, tenant_id=job.tenant_id, job_id=job.job_id, at=until
            )

    async def expire(self, tenant_id: UUID, job_id: UUID) -> None:
        """End a job that has waited for its retry long enough; one that was retried since is left alone."""
        async with self._database.tenant(tenant_id) as connection:
            job = await find(connection, job_id, lock=True)
            if job is None or job.state is not JobState.WAITING_FOR_RETRY:
                return
            if job.waits_until is not None and job.waits_until > datetime.now(UTC):
                return  # it was retried, and waits once more: a later task is enqueued for that
            reason = EndReason.ITEMS_FAILED
            await end_job(connection, self._queue, job, JobState.FAILED, reason)

    async def forget(self, tenant_id: UUID, job_id: UUID) -> None:
        """Remove an ended job and its results."""
        async with self._database.tenant(tenant_id) as connection:
            job = await find(connection, job_id, lock=True)
            if job is not None and job.has_ended:
                await connection.execute(delete(jobs).where(jobs.c.id == job_id))

    async def webhook(self, tenant_id: UUID, job_id: UUID) -> tuple[Job, bytes, int] | None:
        """Return a job whose webhook is pending, the sealed webhook, and how often it was tried."""
        query = select(jobs.c.webhook_sealed, jobs.c.webhook_attempts).where(jobs.c.id == job_id)
        async with self._database.tenant(tenant_id) as connection:
            job = await find(connection, job_id)
            if job is None or not job.has_ended or job.webhook_state is not WebhookState.PENDING:
                return None
            row = (await connection.execute(query)).one()
        return job, bytes(row.webhook_sealed), row.webhook_attempts

    async def webhook_tried(
        self, tenant_id: UUID, job_id: UUID, *, delivered: bool, again_at: datetime | None
    ) -> None:
        """Write what became of a call; unless there is to be another, its secret is erased."""
        async with self._database.tenant(tenant_id) as connection:
            job = await find(connection, job_id, lock=True)
            if job is None or job.webhook_state is not WebhookState.PENDING:
                return
            values: dict[str, object] = {"webhook_attempts": jobs.c.webhook_attempts + 1}
            if delivered or again_at is None:
                state = WebhookState.DELIVERED if delivered else WebhookState.GIVEN_UP
                values |= {"webhook_state": state.value, "webhook_sealed": None}
            else:
                await self._queue.put(
                    connection, JobTask.TELL, tenant_id=tenant_id, job_id=job_id, at=again_at
                )
            await connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))
