"""What jobs need from the outside; adapters/ implements it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.job import (
    EndReason,
    ItemOutcome,
    ItemResult,
    Job,
    JobOptions,
    JobState,
    SealedItem,
)
from orchestration_svc.domain.orchestration import OrchestrationResult


class JobLostError(Exception):
    """Another worker has claimed the job, or it has ended: what this one does no longer counts."""


class ContentUnreadableError(Exception):
    """What was sealed cannot be opened: another key-encryption key, or it was altered."""


class ContentSealer(Protocol):
    """Encrypts with a key that belongs to the tenant."""

    async def seal(self, tenant_id: UUID, texts: Sequence[tuple[str, str]]) -> list[bytes]:
        """Encrypt (what it is, text) pairs; what it is must be told again to open it."""
        ...

    async def open(self, tenant_id: UUID, sealed: Sequence[tuple[str, bytes]]) -> list[str]:
        """Decrypt, or raise ContentUnreadableError."""
        ...


class JobStore(Protocol):
    """Keeps jobs for those who submit them; it enqueues in the transaction of the change."""

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

        ServiceError RATE_LIMITED when the tenant would have more than ``at_most`` that wait or run.
        """
        ...

    async def get(self, tenant_id: UUID, job_id: UUID) -> Job:
        """Return it, or raise ServiceError NOT_FOUND."""
        ...

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[Job]:
        """Return jobs newest first, those older than ``before``; ServiceError NOT_FOUND for no such job."""
        ...

    async def results(self, tenant_id: UUID, job_id: UUID, *, after: int, limit: int) -> list[ItemResult]:
        """Return what became of the texts after a position, in order."""
        ...

    async def cancel(self, tenant_id: UUID, job_id: UUID, *, actor: str) -> Job:
        """End it, or ask the worker that has it to; ServiceError CONFLICT when it has ended otherwise."""
        ...

    async def retry(self, tenant_id: UUID, job_id: UUID, *, actor: str, passes: int) -> Job:
        """Enqueue a job that waits for it; ServiceError CONFLICT for any other."""
        ...


class JobRuns(Protocol):
    """Keeps jobs for those who run them; it enqueues in the transaction of the change."""

    async def claim(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """Take a job to run; None when it is not there, has ended or waits for a person."""
        ...

    async def waiting_items(self, job: Job, *, limit: int) -> list[SealedItem]:
        """Return texts that this pass has not tried."""
        ...

    async def record(self, job: Job, outcomes: Sequence[ItemOutcome]) -> Job:
        """Write what came out and erase those texts; JobLostError when the claim no longer holds."""
        ...

    async def end(self, job: Job, state: JobState, reason: EndReason | None) -> None:
        """End it and erase every text; JobLostError when the claim no longer holds."""
        ...

    async def try_again(self, job: Job, *, at: datetime) -> None:
        """Enqueue the next pass; JobLostError when the claim no longer holds."""
        ...

    async def wait_for_retry(self, job: Job) -> None:
        """Keep the waiting texts for a person to retry; JobLostError when the claim no longer holds."""
        ...

    async def expire(self, tenant_id: UUID, job_id: UUID) -> None:
        """End a job that has waited for its retry long enough."""
        ...

    async def forget(self, tenant_id: UUID, job_id: UUID) -> None:
        """Remove an ended job and its results."""
        ...

    async def webhook(self, tenant_id: UUID, job_id: UUID) -> tuple[Job, bytes, int] | None:
        """Return a job whose webhook is pending, the sealed webhook, and how often it was tried."""
        ...

    async def webhook_tried(
        self, tenant_id: UUID, job_id: UUID, *, delivered: bool, again_at: datetime | None
    ) -> None:
        """Write what became of a call; unless there is to be another, its secret is erased."""
        ...


class WebhookSender(Protocol):
    """Makes the call that tells of a job's end."""

    def check(self, url: str) -> None:
        """Raise ServiceError INVALID_REQUEST for a URL that would not be called."""
        ...

    async def send(self, url: str, *, body: bytes, headers: dict[str, str]) -> bool:
        """Tell whether the receiver took it."""
        ...


class Submitters(Protocol):
    """Knows whether a job's submitter may still have work done."""

    async def refusal(self, tenant_id: UUID, token_id: str) -> EndReason | None:
        """Return why not, None when all is well; StorageUnavailableError when nobody can say."""
        ...


class Renderer(Protocol):
    """Turns what came of a text into what the API would answer to it alone."""

    def answer(self, result: OrchestrationResult) -> tuple[int, str]:
        """Return status and JSON."""
        ...

    def error(self, code: ErrorCode) -> tuple[int, bool]:
        """Return status, and whether the same call may work later."""
        ...


class JobEvents(Protocol):
    """Hears of jobs, for metrics."""

    def job_ended(self, state: str) -> None:
        """A job has ended."""
        ...

    def job_item(self, state: str) -> None:
        """A text has been answered or given up."""
        ...

    def webhook(self, outcome: str) -> None:
        """A webhook was called."""
        ...
