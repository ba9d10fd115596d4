"""The worker: takes tasks from the queue, and puts back what dead workers had taken."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.worker import Worker

from analysis_svc.adapters.job_queue import QUEUE, JobTask
from analysis_svc.domain.own_task import is_cancelled

Handler = Callable[[UUID, UUID], Awaitable[None]]
_LONGEST_PAUSE_S = 60
_BETWEEN_STARTS_S = 1.0
_POLLS_EVERY_S = 2.0
_GRACE_S = 10.0
_log = structlog.get_logger("analysis_svc")


class TryUntilDone(BaseRetryStrategy):
    """A task that raised is run again, later each time, for ever: what ends a job is written in its row."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when; up to a minute from now."""
        del exception
        return RetryDecision(retry_in={"seconds": min(2 ** min(job.attempts, 10), _LONGEST_PAUSE_S)})


class JobWorker:
    """Runs tasks until it is told to stop; a database that goes away is waited for.

    Args:
        app: procrastinate's application, not open.
        handlers: what to do for each task.
        at_once: tasks that run side by side.
        silent_s: a worker not heard of for so long is dead, and its tasks are put back.
    """

    def __init__(
        self, app: App, handlers: Mapping[JobTask, Handler], *, at_once: int, silent_s: float
    ) -> None:
        self._app = app
        self._at_once = at_once
        self._silent_s = silent_s
        self._running: set[int] = set()
        for task, handler in handlers.items():
            self._register(task, handler)

    def _register(self, task: JobTask, handler: Handler) -> None:
        async def perform(context: JobContext, *, tenant_id: str, job_id: str) -> None:
            task_id = context.job.id
            assert task_id is not None  # noqa: S101 - one that was fetched has an id
            self._running.add(task_id)
            try:
                await handler(UUID(tenant_id), UUID(job_id))
            except Exception as error:
                _log.warning(
                    "job_task_failed", task=task.value, job_id=job_id, error_type=type(error).__name__
                )
                raise
            finally:
                self._running.discard(task_id)

        self._app.task(name=task.value, queue=QUEUE, pass_context=True, retry=TryUntilDone())(perform)

    async def run(self) -> None:
        """Work until cancelled. Tasks under way then get ten seconds, and are put back if they need more."""
        while not is_cancelled():
            try:
                async with self._app.open_async():
                    await self._work()
            except* ConnectorException as errors:
                # A connection that broke, or a pool that got none: whatever was taken will be put back.
                _log.warning("job_queue_away", errors=len(errors.exceptions))
            await asyncio.sleep(_BETWEEN_STARTS_S)

    async def _work(self) -> None:
        worker = Worker(
            self._app,
            queues=[QUEUE],
            concurrency=self._at_once,
            install_signal_handlers=False,
            fetch_job_polling_interval=_POLLS_EVERY_S,
            update_heartbeat_interval=self._silent_s / 5,
            stalled_worker_timeout=self._silent_s,
            shutdown_graceful_timeout=_GRACE_S,
            delete_jobs=DeleteJobCondition.ALWAYS,
        )
        async with asyncio.TaskGroup() as group:
            rescue = group.create_task(self._keep_rescuing(worker))
            await worker.run()  # type: ignore[no-untyped-call]
            rescue.cancel()

    async def _keep_rescuing(self, worker: Worker) -> None:
        idle: set[int] = set()
        while not is_cancelled():
            await asyncio.sleep(self._silent_s / 5)
            idle = await self._rescue(worker, idle)

    async def _rescue(self, worker: Worker, seen_idle: set[int]) -> set[int]:
        """Put back the tasks of dead workers, and those that this one was given but does not run.

        The latter happens when the database dies while it gives a task, or before it was told how a task
        ended. Such a task is put back when it was seen twice; returns those seen once.
        """
        manager = self._app.job_manager
        await manager.prune_stalled_workers(self._silent_s)
        stalled = await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._silent_s)
        lost = {job.id for job in stalled if job.id is not None}
        idle: set[int] = set()
        if worker.worker_id is not None:
            own = await manager.list_jobs_async(queue=QUEUE, status="doing", worker_id=worker.worker_id)
            idle = {job.id for job in own if job.id is not None} - self._running
        for task_id in (lost - self._running) | (idle & seen_idle):
            _log.warning("job_task_put_back", task_id=task_id)
            await manager.retry_job_by_id_async(task_id, retry_at=datetime.now(UTC))
        return idle - seen_idle


async def end_of(work: "asyncio.Task[None]", *, patience_s: float = _GRACE_S + 2) -> None:
    """Cancel a worker's task and wait for its end; again where the driver swallowed it as it connected."""
    while not work.done():
        work.cancel()
        await asyncio.wait({work}, timeout=patience_s)
        patience_s = 1.0
