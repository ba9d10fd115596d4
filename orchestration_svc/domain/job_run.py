"""Running a job: claim it, answer its texts, write each answer down once, end it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.job import (
    MAX_IDLE_RUNS,
    PASS_DELAYS,
    EndReason,
    ItemOutcome,
    Job,
    JobState,
    SealedItem,
)
from orchestration_svc.domain.job_items import AnswerItem
from orchestration_svc.domain.job_ports import (
    ContentSealer,
    ContentUnreadableError,
    JobEvents,
    JobLostError,
    JobRuns,
    Submitters,
)
from orchestration_svc.domain.job_submission import item_kind
from orchestration_svc.domain.ports import Clock
from orchestration_svc.domain.waiting_text import unpacked


class RunJob:
    """Runs one job at a time for each call; may be called again for the same job after any crash.

    Each text's answer is written together with the claim it was made under, so that of two workers that
    believe they have a job only the later one's answers count, and no text is answered twice to see.
    """

    def __init__(
        self,
        *,
        runs: JobRuns,
        sealer: ContentSealer,
        submitters: Submitters,
        answer: AnswerItem,
        events: JobEvents,
        clock: Clock,
        retry_window: timedelta,
        at_once: int,
    ) -> None:
        self._runs = runs
        self._sealer = sealer
        self._submitters = submitters
        self._answer = answer
        self._events = events
        self._clock = clock
        self._retry_window = retry_window
        self._at_once = at_once

    async def __call__(self, tenant_id: UUID, job_id: UUID) -> None:
        """Run a job to its end, to its next pass, or until somebody else has it.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when the database is away; call again.
        """
        job = await self._runs.claim(tenant_id, job_id)
        if job is None:
            return
        try:
            await self._run(job)
        except JobLostError:
            return  # whoever has it now goes on

    async def _run(self, job: Job) -> None:
        if job.cancel_requested:
            return await self._end(job, JobState.CANCELLED)
        if job.idle_runs > MAX_IDLE_RUNS:
            return await self._end(job, JobState.FAILED, EndReason.WORKERS_DIED)
        if refusal := await self._submitters.refusal(job.tenant_id, job.submitter):
            return await self._end(job, JobState.FAILED, refusal)
        while items := await self._runs.waiting_items(job, limit=self._at_once):
            try:
                outcomes = await self._answers(job, items)
            except ContentUnreadableError:
                return await self._end(job, JobState.FAILED, EndReason.NOT_READABLE)
            job = await self._runs.record(job, outcomes)
            for outcome in outcomes:
                self._events.job_item(outcome.state.value)
            if job.cancel_requested:
                return await self._end(job, JobState.CANCELLED)
        return await self._after_pass(job)

    async def _answers(self, job: Job, items: Sequence[SealedItem]) -> list[ItemOutcome]:
        people = job.options.with_people
        kinds = [(item_kind(job.job_id, item.position, with_people=people), item.sealed) for item in items]
        texts = [unpacked(text) for text in await self._sealer.open(job.tenant_id, kinds)]
        context = CallContext(correlation_id=str(job.job_id), headers={})
        return await asyncio.gather(
            *(
                self._answer(
                    job.tenant_id,
                    job.options,
                    position=item.position,
                    content=text,
                    subject=subject,
                    context=context,
                )
                for item, (text, subject) in zip(items, texts, strict=True)
            )
        )

    async def _after_pass(self, job: Job) -> None:
        if job.succeeded + job.failed == job.items:
            if job.failed:
                return await self._end(job, JobState.FAILED, EndReason.ITEMS_FAILED)
            return await self._end(job, JobState.SUCCEEDED)
        if job.passes_left:
            delay = PASS_DELAYS[-min(job.passes_left, len(PASS_DELAYS))]
            return await self._runs.try_again(job, at=self._clock.now() + delay)
        if self._retry_window:
            return await self._runs.wait_for_retry(job)
        return await self._end(job, JobState.FAILED, EndReason.ITEMS_FAILED)

    async def _end(self, job: Job, state: JobState, reason: EndReason | None = None) -> None:
        await self._runs.end(job, state, reason)
        self._events.job_ended(state.value)
