"""/api/v1/jobs: what became of texts that were sent to be answered later."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from orchestration_svc.api.guards import requires
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.jobs_wire import JobOut, JobPage, ResultPage, job_out, result_out
from orchestration_svc.api.limit_requests import limited
from orchestration_svc.api.problems import faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.job import Job
from orchestration_svc.domain.job_submission import ManageJobs

_LOOKS_EVERY_S = 0.5
_CHANGES = faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT, ErrorCode.RATE_LIMITED)


class JobsController(Controller):
    """Jobs of the caller's tenant."""

    path = "/api/v1/jobs"
    tags = ("jobs",)
    guards = (requires("orchestrate"),)

    @get("/", summary="List jobs", responses=faults(ErrorCode.NOT_FOUND))
    async def page(
        self,
        principal: Injected[Principal],
        manage_jobs: Injected[ManageJobs],
        before: Annotated[UUID | None, QueryParameter(description="older than this job")] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> JobPage:
        """Answer jobs, newest first."""
        found = await manage_jobs.page(principal.tenant_id, before=before, limit=limit)
        more = len(found) == limit
        return JobPage([job_out(job) for job in found], found[-1].job_id if more else None)

    @get("/{job_id:uuid}", summary="Look at a job", responses=faults(ErrorCode.NOT_FOUND))
    async def show(
        self, job_id: FromPath[UUID], principal: Injected[Principal], manage_jobs: Injected[ManageJobs]
    ) -> JobOut:
        """Answer its state and progress."""
        return job_out(await manage_jobs.get(principal.tenant_id, job_id))

    @get("/{job_id:uuid}/results", summary="Read results", responses=faults(ErrorCode.NOT_FOUND))
    async def results(
        self,
        job_id: FromPath[UUID],
        principal: Injected[Principal],
        manage_jobs: Injected[ManageJobs],
        after: Annotated[int, QueryParameter(ge=-1, le=2**31 - 1, description="position")] = -1,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 100,
    ) -> ResultPage:
        """Answer what became of the texts so far, in order; those that wait are among them."""
        job = await manage_jobs.get(principal.tenant_id, job_id)
        found = await manage_jobs.results(principal.tenant_id, job_id, after=after, limit=limit)
        more = bool(found) and found[-1].position < job.items - 1
        return ResultPage(job.state, [result_out(one) for one in found], found[-1].position if more else None)

    @get(
        "/{job_id:uuid}/events",
        summary="Watch a job",
        media_type="text/event-stream",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def events(
        self, job_id: FromPath[UUID], principal: Injected[Principal], manage_jobs: Injected[ManageJobs]
    ) -> ServerSentEvent:
        """Stream the job as server-sent events: ``progress`` at each change, ``end`` when it has ended."""
        job = await manage_jobs.get(principal.tenant_id, job_id)
        return ServerSentEvent(_told(manage_jobs.watch(job, pause=_pause)))

    @post(
        "/{job_id:uuid}/cancel",
        status_code=200,
        summary="Cancel a job",
        responses=_CHANGES,
        guards=(limited,),
    )
    async def cancel(
        self, job_id: FromPath[UUID], principal: Injected[Principal], manage_jobs: Injected[ManageJobs]
    ) -> JobOut:
        """End a job and erase its texts; one that runs ends after the texts that it is at."""
        return job_out(await manage_jobs.cancel(principal, job_id))

    @post(
        "/{job_id:uuid}/retry", status_code=202, summary="Retry a job", responses=_CHANGES, guards=(limited,)
    )
    async def retry(
        self, job_id: FromPath[UUID], principal: Injected[Principal], manage_jobs: Injected[ManageJobs]
    ) -> JobOut:
        """Try the texts again that got no answer, of a job that is ``waiting_for_retry``."""
        return job_out(await manage_jobs.retry(principal, job_id))


async def _pause() -> None:
    await asyncio.sleep(_LOOKS_EVERY_S)


async def _told(seen: AsyncIterator[Job]) -> AsyncIterator[ServerSentEventMessage]:
    async for job in seen:
        data = msgspec.json.encode(job_out(job)).decode()
        yield ServerSentEventMessage(data=data, event="end" if job.has_ended else "progress")
