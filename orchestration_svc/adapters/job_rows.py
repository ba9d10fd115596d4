"""Rows of jobs: read, guarded by the claim, ended."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.job_queue import JobQueue, JobTask
from orchestration_svc.adapters.tables import job_items, jobs
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job import (
    EndReason,
    ItemState,
    Job,
    JobOptions,
    JobState,
    WebhookState,
)
from orchestration_svc.domain.job_ports import JobLostError
from orchestration_svc.domain.policy import Priority

# In the queue; among equals the one that came first goes first.
QUEUE_PRIORITY = {Priority.LOW: 0, Priority.NORMAL: 10, Priority.HIGH: 20, Priority.CRITICAL: 30}


def options_row(options: JobOptions) -> dict[str, object]:
    """Return options as a JSON value."""
    row: dict[str, object] = msgspec.to_builtins(asdict(options))
    return row


def job_of(row: Row[tuple[object, ...]]) -> Job:
    """Read a row."""
    return Job(
        tenant_id=row.tenant_id,
        job_id=row.id,
        submitter=row.submitter,
        state=JobState(row.state),
        reason=EndReason(row.reason) if row.reason else None,
        options=msgspec.convert(row.options, JobOptions),
        items=row.items,
        succeeded=row.succeeded,
        failed=row.failed,
        run=row.run,
        idle_runs=row.idle_runs,
        pass_number=row.pass_number,
        passes_left=row.passes_left,
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        waits_until=row.waits_until,
        webhook_state=WebhookState(row.webhook_state) if row.webhook_state else None,
    )


async def find(connection: AsyncConnection, job_id: UUID, *, lock: bool = False) -> Job | None:
    """Read a job, and with ``lock`` keep others from changing it until the transaction ends."""
    query = select(jobs).where(jobs.c.id == job_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else job_of(row)


async def required(connection: AsyncConnection, job_id: UUID, *, lock: bool = False) -> Job:
    """Read a job that must be there.

    Raises:
        ServiceError: NOT_FOUND.
    """
    if (job := await find(connection, job_id, lock=lock)) is None:
        raise no_such_job()
    return job


def no_such_job() -> ServiceError:
    """Make the error for a job that the tenant does not have."""
    return ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such job", field="job_id")


async def still_claimed(connection: AsyncConnection, claimed: Job) -> Job:
    """Lock a job and read it anew.

    Raises:
        JobLostError: it has ended, or somebody else has claimed it since.
    """
    now = await find(connection, claimed.job_id, lock=True)
    if now is None or now.run != claimed.run or now.state is not JobState.RUNNING:
        raise JobLostError
    return now


async def end_job(
    connection: AsyncConnection,
    queue: JobQueue,
    job: Job,
    state: JobState,
    reason: EndReason | None,
) -> None:
    """End a locked job: erase every text, have its webhook called, have it forgotten in time."""
    left = ItemState.CANCELLED if state is JobState.CANCELLED else ItemState.FAILED
    of_job = (job_items.c.tenant_id == job.tenant_id, job_items.c.job_id == job.job_id)
    unanswered = (
        await connection.execute(
            update(job_items)
            .where(*of_job, job_items.c.state == ItemState.WAITING.value)
            .values(state=left.value, sealed=None)
        )
    ).rowcount
    await connection.execute(
        update(job_items).where(*of_job, job_items.c.sealed.is_not(None)).values(sealed=None)
    )
    now = datetime.now(UTC)
    failed = job.failed + (unanswered if left is ItemState.FAILED else 0)
    await connection.execute(
        update(jobs)
        .where(jobs.c.id == job.job_id)
        .values(
            state=state.value,
            reason=reason.value if reason else None,
            failed=failed,
            finished_at=now,
            waits_until=None,
        )
    )
    if job.webhook_state is not None:
        await queue.put(connection, JobTask.TELL, tenant_id=job.tenant_id, job_id=job.job_id)
    forgotten_at = now + timedelta(days=job.options.results_kept_days)
    await queue.put(connection, JobTask.FORGET, tenant_id=job.tenant_id, job_id=job.job_id, at=forgotten_at)


def priority_of(job: Job) -> int:
    """Return a job's place in the queue."""
    return QUEUE_PRIORITY[job.options.priority]
