"""Jobs put together: what the API uses and what a worker runs."""

from dataclasses import dataclass
from datetime import timedelta

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.clock import SystemClock
from orchestration_svc.adapters.data_keys import DataKeySealer, EnvironmentKeyWrapper
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.fault_log import FaultLog
from orchestration_svc.adapters.idempotency_repository import IdempotencyRepository
from orchestration_svc.adapters.job_queue import JobQueue, JobTask, queue_app
from orchestration_svc.adapters.job_repository import JobRepository
from orchestration_svc.adapters.job_runs import JobRunsRepository
from orchestration_svc.adapters.job_submitters import RegisteredSubmitters
from orchestration_svc.adapters.job_worker import Handler, JobWorker
from orchestration_svc.adapters.keyed_hash import KeyedSha256
from orchestration_svc.adapters.tenant_repository import TenantRepository
from orchestration_svc.domain.idempotency import Idempotency
from orchestration_svc.domain.job_items import AnswerItem, Orchestrating
from orchestration_svc.domain.job_ports import JobEvents, Renderer, WebhookSender
from orchestration_svc.domain.job_run import RunJob
from orchestration_svc.domain.job_submission import ManageJobs
from orchestration_svc.domain.job_webhook import TellJobEnd
from orchestration_svc.domain.limits import TenantLimits
from orchestration_svc.settings import Settings


@dataclass(frozen=True, slots=True)
class Jobs:
    """Everything about jobs; the worker does nothing until it is run."""

    manage: ManageJobs
    idempotency: Idempotency
    worker: JobWorker


def make_jobs(
    settings: Settings,
    database: Database,
    access: Access,
    *,
    orchestrate: Orchestrating,
    renderer: Renderer,
    events: JobEvents,
    webhooks: WebhookSender,
    tenant_limits: TenantLimits,
) -> Jobs:
    """Put it together.

    Args:
        settings: all of them.
        database: where jobs are.
        access: knows tenants and revoked tokens.
        orchestrate: answers one text.
        renderer: turns what came of a text into what the API answers.
        events: counts.
        webhooks: calls them.
        tenant_limits: say how many jobs each tenant may have.
    """
    clock = SystemClock()
    # How long texts that got no answer wait, encrypted, for a person to retry them.
    retry_window = timedelta(seconds=settings.job_retry_window_s)
    app = queue_app(settings.database_url, connections=settings.worker_jobs + 2)
    queue = JobQueue(app)
    runs = JobRunsRepository(database, queue, retry_window)
    sealer = DataKeySealer(database, EnvironmentKeyWrapper(settings.key_encryption_key))
    answer_item = AnswerItem(orchestrate, renderer, FaultLog())
    run = RunJob(
        runs=runs,
        sealer=sealer,
        submitters=RegisteredSubmitters(TenantRepository(database), access.revocations),
        answer=answer_item,
        events=events,
        clock=clock,
        retry_window=retry_window,
        at_once=settings.worker_texts,
    )
    tell = TellJobEnd(runs=runs, sealer=sealer, sender=webhooks, events=events, clock=clock)
    handlers: dict[JobTask, Handler] = {
        JobTask.RUN: run,
        JobTask.TELL: tell,
        JobTask.EXPIRE: runs.expire,
        JobTask.FORGET: runs.forget,
    }
    return Jobs(
        manage=ManageJobs(JobRepository(database, queue), sealer, webhooks, tenant_limits),
        idempotency=Idempotency(
            IdempotencyRepository(database),
            sealer,
            KeyedSha256(settings.key_encryption_key, purpose="idempotency hashes"),
            clock,
        ),
        worker=JobWorker(app, handlers, at_once=settings.worker_jobs, silent_s=settings.worker_silent_s),
    )
