"""Whether texts are answered now or by a job, and the answer either way."""

import asyncio
import time
from typing import Any, Protocol
from uuid import UUID

import structlog
from litestar import Response
from opentelemetry import propagate

from orchestration_svc.api.jobs_wire import (
    BatchRequest,
    batch_answer,
    batch_options,
    job_out,
    job_path,
    new_items,
    webhook_of,
    what_it_lacks,
)
from orchestration_svc.api.json_answer import JsonAnswer
from orchestration_svc.api.orchestrate_wire import OrchestrateRequest, answer_of
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from orchestration_svc.domain.job import MAX_SYNC_ITEMS, ItemOutcome, JobOptions, NewItem, Webhook
from orchestration_svc.domain.job_items import AnswerItem, settled
from orchestration_svc.domain.job_projection import LATER_ABOVE_MS, Projection
from orchestration_svc.domain.job_submission import ManageJobs
from orchestration_svc.domain.orchestrate import Orchestrate
from orchestration_svc.domain.orchestration import OrchestrationRequest
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.tenant_settings import RequestChoices

# Texts of a batch that are answered side by side.
BATCH_AT_ONCE = 8
_OK, _ACCEPTED, _PARTIAL = 200, 202, 206


class RequestMetrics(Protocol):
    """Counts orchestrated requests."""

    def orchestrated(
        self, *, tenant: str, policy: str, status: int, milliseconds: float, coverage: float
    ) -> None:
        """Count one."""
        ...


class NowOrLater:
    """Answers texts now or has a job do it.

    Args:
        orchestrate: answers one text.
        answer_item: answers one text of many.
        manage_jobs: takes texts for later.
        metrics: counts.
        projection: guesses how long texts will take.
        max_content_bytes: of one text, in UTF-8.
        version: of this service.
    """

    def __init__(
        self,
        *,
        orchestrate: Orchestrate,
        answer_item: AnswerItem,
        manage_jobs: ManageJobs,
        metrics: RequestMetrics,
        projection: Projection,
        max_content_bytes: int,
        version: str,
    ) -> None:
        self._orchestrate = orchestrate
        self._answer_item = answer_item
        self._jobs = manage_jobs
        self._metrics = metrics
        self._projection = projection
        self._max_content_bytes = max_content_bytes
        self._version = version

    def check(self, content: str, *, field: str) -> None:
        """Refuse a text that is too large or no text; ServiceError names the field."""
        if (size := len(content.encode())) > self._max_content_bytes:
            raise ServiceError(
                ErrorCode.PAYLOAD_TOO_LARGE,
                f"content is {size} bytes of UTF-8; at most {self._max_content_bytes} are taken",
                field=field,
            )
        if "\x00" in content:
            raise ServiceError(ErrorCode.INVALID_REQUEST, "content holds a null byte", field=field)

    async def one(
        self, data: OrchestrateRequest, principal: Principal, choices: RequestChoices, job_id: UUID
    ) -> Response[Any]:
        """Answer one text now, or with the job that will."""
        asked = _request_of(data, principal, choices)
        options, item = _options_of(asked, choices), NewItem(data.content, subject=data.subject)
        if data.mode == "async":
            return await self._later(principal, job_id, options, [item])
        if data.mode == "auto" and data.priority is not Priority.CRITICAL and self._is_slow(1):
            try:
                return await self._later(principal, job_id, options, [item])
            except StorageUnavailableError:
                pass  # a slow answer is better than none
        return await self._now(asked, asked.policy or "default")

    async def many(
        self, data: BatchRequest, principal: Principal, choices: RequestChoices, job_id: UUID
    ) -> Response[Any]:
        """Answer a batch now, or with the job that will."""
        options, count = batch_options(data, choices), len(data.items)
        slow = data.mode == "auto" and (count > MAX_SYNC_ITEMS or self._is_slow(count))
        if data.mode == "async" or data.webhook is not None or slow:
            webhook = webhook_of(data.webhook)
            return await self._later(principal, job_id, options, new_items(data), webhook)
        at_once = asyncio.Semaphore(BATCH_AT_ONCE)
        context = _context()

        async def answer(position: int, item: NewItem) -> ItemOutcome:
            async with at_once:
                started = time.perf_counter()
                outcome = await self._answer_item(
                    principal.tenant_id,
                    options,
                    position=position,
                    content=item.content,
                    subject=item.subject,
                    context=context,
                )
                self._projection.note((time.perf_counter() - started) * 1000)
                return outcome

        outcomes = await asyncio.gather(
            *(answer(position, item) for position, item in enumerate(new_items(data)))
        )
        full = all(one.status == _OK for one in outcomes)
        return Response(batch_answer(data, settled(outcomes)), status_code=_OK if full else _PARTIAL)

    def _is_slow(self, texts: int) -> bool:
        return self._projection.milliseconds(texts, at_once=BATCH_AT_ONCE) > LATER_ABOVE_MS

    async def _later(
        self,
        principal: Principal,
        job_id: UUID,
        options: JobOptions,
        items: list[NewItem],
        webhook: Webhook | None = None,
    ) -> Response[Any]:
        job = await self._jobs.submit(principal, job_id=job_id, options=options, items=items, webhook=webhook)
        return Response(job_out(job), status_code=_ACCEPTED, headers={"Location": job_path(job.job_id)})

    async def _now(self, asked: OrchestrationRequest, policy_asked: str) -> Response[Any]:
        started = time.perf_counter()

        def count(policy: str, status: int, coverage: float, *, cached: bool = False) -> None:
            milliseconds = (time.perf_counter() - started) * 1000
            if not cached:  # how long that took says nothing of the next text
                self._projection.note(milliseconds)
            self._metrics.orchestrated(
                tenant=str(asked.tenant_id),
                policy=policy,
                status=status,
                milliseconds=milliseconds,
                coverage=coverage,
            )

        try:
            result = await self._orchestrate(asked)
        except ServiceError as error:
            if error.code is ErrorCode.ALL_DETECTORS_UNAVAILABLE:
                count(policy_asked, 502, 0.0)
            raise
        code = what_it_lacks(result)
        status = _PARTIAL if code else _OK
        cached = result.cached_at is not None
        count(result.routing.policy.name, status, result.coverage.achieved, cached=cached)
        return JsonAnswer(
            answer_of(result, version=self._version, error_code=code, with_text=True), status_code=status
        )


def _request_of(
    data: OrchestrateRequest, principal: Principal, choices: RequestChoices
) -> OrchestrationRequest:
    return OrchestrationRequest(
        tenant_id=principal.tenant_id,
        content=data.content,
        content_type="text/plain",
        policy=data.policy or choices.default_policy,
        detectors=None if data.detectors is None else tuple(data.detectors),
        priority=data.priority,
        map_findings=data.auto_map,
        analyze_findings=data.auto_map if data.analyze is None else data.analyze,
        context=_context(),
        direction=data.direction,
        redaction=choices.redaction,
        application=data.application,
        subject=data.subject,
    )


def _context() -> CallContext:
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return CallContext(
        correlation_id=structlog.contextvars.get_contextvars().get("correlation_id", ""), headers=headers
    )


def _options_of(asked: OrchestrationRequest, choices: RequestChoices) -> JobOptions:
    return JobOptions(
        content_type=asked.content_type,
        policy=asked.policy,
        detectors=asked.detectors,
        priority=asked.priority,
        map_findings=asked.map_findings,
        analyze_findings=asked.analyze_findings,
        direction=asked.direction,
        results_kept_days=choices.job_retention_days,
        redaction=asked.redaction,
        application=asked.application,
    )
