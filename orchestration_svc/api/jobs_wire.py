"""Batches, jobs and their results over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from orchestration_svc.api.orchestrate_wire import Application, Lacks, Name, Subject, answer_of
from orchestration_svc.api.problems import TABLE
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.job import (
    MAX_ITEMS,
    EndReason,
    ItemOutcome,
    ItemResult,
    ItemState,
    Job,
    JobOptions,
    JobState,
    NewItem,
    Webhook,
    WebhookState,
)
from orchestration_svc.domain.orchestration import Direction, OrchestrationResult
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.tenant_settings import RequestChoices

Reference = Annotated[
    str,
    Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", description="your name for it"),
]


class WebhookIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell when the job ends. The secret signs the call; it is kept encrypted and never shown."""

    url: Annotated[str, Meta(min_length=8, max_length=2048)]
    secret: Annotated[str, Meta(min_length=24, max_length=256)]


class BatchItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text of a batch. ``subject`` is kept encrypted with the text, and erased with it."""

    content: Annotated[str, Meta(min_length=1, description="the text; kept encrypted until it is answered")]
    reference: Reference | None = None
    subject: Subject | None = None


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts to look at alike: up to 100 are answered at once, up to 10,000 as a job.

    ``auto`` answers at once when that is expected to take 1,500 ms at most. A webhook always makes a job.
    """

    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=MAX_ITEMS)]
    content_type: Literal["text", "text/plain"] = "text/plain"
    policy: Name | None = None
    detectors: Annotated[list[Name], Meta(min_length=1, max_length=64)] | None = None
    priority: Priority = Priority.NORMAL
    mode: Literal["sync", "async", "auto"] = "auto"
    auto_map: bool = True
    analyze: bool | None = None
    direction: Direction = "input"
    application: Application | None = None
    webhook: WebhookIn | None = None


class ItemOut(msgspec.Struct, frozen=True):
    """One text's part. ``status`` and ``answer`` are what the text would have got alone."""

    position: int
    reference: str | None
    state: ItemState
    status: int | None
    answer: dict[str, object] | None
    error_code: str | None


class BatchAnswer(msgspec.Struct, frozen=True):
    """The answers to a batch, in the order of its texts; 206 when one of them is partial or missing."""

    items: list[ItemOut]
    succeeded: int
    failed: int


class JobOut(msgspec.Struct, frozen=True):
    """A job. ``status_url`` shows it again, ``results_url`` what became of its texts."""

    job_id: UUID
    processing_mode: Literal["async"]
    state: JobState
    reason: EndReason | None
    items: int
    succeeded: int
    failed: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waits_until: datetime | None
    webhook: WebhookState | None
    status_url: str
    results_url: str
    events_url: str


class JobPage(msgspec.Struct, frozen=True):
    """Jobs, newest first; ``next_before`` asks for older ones."""

    jobs: list[JobOut]
    next_before: UUID | None


class ResultPage(msgspec.Struct, frozen=True):
    """What became of the texts, in order; ``next_after`` asks for the next page."""

    state: JobState
    items: list[ItemOut]
    next_after: int | None


def job_path(job_id: UUID) -> str:
    """Return where a job is."""
    return f"/api/v1/jobs/{job_id}"


def job_out(job: Job) -> JobOut:
    """Turn a job into its wire form."""
    path = job_path(job.job_id)
    return JobOut(
        job_id=job.job_id,
        processing_mode="async",
        state=job.state,
        reason=job.reason,
        items=job.items,
        succeeded=job.succeeded,
        failed=job.failed,
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        waits_until=job.waits_until,
        webhook=job.webhook_state,
        status_url=path,
        results_url=f"{path}/results",
        events_url=f"{path}/events",
    )


def result_out(result: ItemResult) -> ItemOut:
    """Turn one result into its wire form."""
    return ItemOut(
        position=result.position,
        reference=result.reference,
        state=result.state,
        status=result.status,
        answer=_decoded(result.answer),
        error_code=result.error_code,
    )


def batch_answer(data: BatchRequest, outcomes: list[ItemOutcome]) -> BatchAnswer:
    """Put the outcomes of a batch together."""
    items = [
        ItemOut(
            position=one.position,
            reference=item.reference,
            state=one.state,
            status=one.status,
            answer=_decoded(one.answer),
            error_code=one.error_code,
        )
        for item, one in zip(data.items, outcomes, strict=True)
    ]
    succeeded = sum(one.state is ItemState.SUCCEEDED for one in outcomes)
    return BatchAnswer(items, succeeded, len(items) - succeeded)


def batch_options(data: BatchRequest, choices: RequestChoices) -> JobOptions:
    """Return what holds for every text of a batch."""
    return JobOptions(
        content_type="text/plain",
        policy=data.policy or choices.default_policy,
        detectors=None if data.detectors is None else tuple(data.detectors),
        priority=data.priority,
        map_findings=data.auto_map,
        analyze_findings=data.auto_map if data.analyze is None else data.analyze,
        direction=data.direction,
        results_kept_days=choices.job_retention_days,
        redaction=choices.redaction,
        application=data.application,
    )


def new_items(data: BatchRequest) -> list[NewItem]:
    """Return the texts of a batch."""
    return [NewItem(item.content, item.reference, item.subject) for item in data.items]


def webhook_of(webhook: WebhookIn | None) -> Webhook | None:
    """Return whom to tell."""
    return None if webhook is None else Webhook(webhook.url, webhook.secret)


class WireRenderer:
    """Answers a text of a batch or a job as if it had come alone.

    Args:
        version: of this service.
        with_text: whether a redacted text is answered; not where the answer is stored.
    """

    def __init__(self, version: str, *, with_text: bool = False) -> None:
        self._version = version
        self._with_text = with_text

    def answer(self, result: OrchestrationResult) -> tuple[int, str]:
        """Return status and JSON."""
        code = what_it_lacks(result)
        answer = answer_of(result, version=self._version, error_code=code, with_text=self._with_text)
        return (206 if code else 200), msgspec.json.encode(answer).decode()

    def error(self, code: ErrorCode) -> tuple[int, bool]:
        """Return status, and whether the same call may work later."""
        return TABLE[code]


def what_it_lacks(result: OrchestrationResult) -> Lacks | None:
    """Say why an answer is partial; None for a full one."""
    if not result.coverage.is_enough:
        return "PARTIAL_COVERAGE"
    return "SERVICE_UNAVAILABLE" if result.missing else None


def _decoded(answer: str | None) -> dict[str, object] | None:
    return None if answer is None else msgspec.json.decode(answer, type=dict[str, object])
