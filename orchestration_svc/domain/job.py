"""What a job is: texts that wait, encrypted, for a worker, and what became of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from orchestration_svc.domain.orchestration import Direction
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.redact import Style

MAX_ITEMS = 10_000
MAX_SYNC_ITEMS = 100
# What a job does by itself when texts got no answer: wait that long and try those again.
PASS_DELAYS = (timedelta(seconds=2), timedelta(seconds=15))
# So many passes for one submission or one retry by a person.
PASSES = len(PASS_DELAYS) + 1
# Claimed so often without one text coming out of it, a job is what kills its workers.
MAX_IDLE_RUNS = 10


class JobState(StrEnum):
    """Where a job is. The last three are ends: nothing happens to the job after, and no text is left."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_RETRY = "waiting_for_retry"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class ItemState(StrEnum):
    """What became of one text; ``waiting`` until it is answered, given up or cancelled."""

    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why a job did not succeed."""

    ITEMS_FAILED = "items_failed"
    SUBMITTER_REVOKED = "submitter_revoked"
    TENANT_GONE = "tenant_gone"
    WORKERS_DIED = "workers_died"
    NOT_READABLE = "not_readable"


class WebhookState(StrEnum):
    """What became of the call that tells of a job's end."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What holds for every text of a job.

    Attributes:
        content_type: their media type.
        policy: name of the policy, None for the default.
        detectors: names asked for, None to leave it to the policy.
        priority: of the job in the queue, and of each text's time limits.
        map_findings: whether to have outputs mapped.
        analyze_findings: whether to have findings analysed.
        direction: whether the texts go to a model or come from one.
        results_kept_days: how long after its end the job and its results can be read.
        redaction: what stands in the place of findings that the policy has taken out.
        application: where the texts come from, by the caller's name for it.
        with_people: whether the texts are sealed together with whose they are.
    """

    content_type: str
    policy: str | None
    detectors: tuple[str, ...] | None
    priority: Priority
    map_findings: bool
    analyze_findings: bool
    direction: Direction = "input"
    results_kept_days: int = 7
    redaction: Style = Style.PLACEHOLDER
    application: str | None = None
    with_people: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """Whom to tell when a job ends, and the secret that signs the call."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class NewItem:
    """One text to submit; ``reference`` is the caller's own name for it, ``subject`` whose text it is."""

    content: str
    reference: str | None = None
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SealedItem:
    """One text as it waits: encrypted."""

    position: int
    sealed: bytes
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its tenant sees it.

    Attributes:
        tenant_id: whose it is.
        job_id: names it.
        submitter: id of the token that submitted it.
        state: where it is.
        reason: why it did not succeed.
        options: what holds for every text.
        items: how many texts.
        succeeded: texts answered.
        failed: texts that will get no answer.
        run: rises with each claim; what an earlier claimant writes no longer counts.
        idle_runs: claims since the last text came out.
        pass_number: which time the waiting texts are tried.
        passes_left: how often they will be tried again after this.
        cancel_requested: whether a worker that has it should stop.
        created_at: when it was submitted.
        started_at: when a worker first claimed it.
        finished_at: when it ended.
        waits_until: until when it can be retried.
        webhook_state: None without a webhook.
    """

    tenant_id: UUID
    job_id: UUID
    submitter: str
    state: JobState
    reason: EndReason | None
    options: JobOptions
    items: int
    succeeded: int
    failed: int
    run: int
    idle_runs: int
    pass_number: int
    passes_left: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waits_until: datetime | None
    webhook_state: WebhookState | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What came out of one text.

    Attributes:
        position: which text.
        state: WAITING when it is worth trying again.
        status: HTTP status that the same text would have got alone.
        answer: the answer as JSON; None when there is none.
        error_code: why there is none.
    """

    position: int
    state: ItemState
    status: int
    answer: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One text's part of the results; see ItemOutcome."""

    position: int
    reference: str | None
    state: ItemState
    status: int | None
    answer: str | None
    error_code: str | None
