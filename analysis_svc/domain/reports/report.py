"""What a report is: who wanted to know what, of which period, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from analysis_svc.domain.exports.seal import Signature

LONGEST_PERIOD = timedelta(days=400)
MAX_FILE_BYTES = 32 * 1024 * 1024
# Taken by a worker so often and never ended, a report is what kills its workers, or asks too much.
MAX_RUNS = 5


class Audience(StrEnum):
    """For whom it is written."""

    EXECUTIVE = "executive"
    TECHNICAL = "technical"
    AUDITOR = "auditor"


class ReportFormat(StrEnum):
    """What the file is."""

    PDF = "pdf"
    HTML = "html"
    CSV = "csv"
    JSON = "json"
    OSCAL = "oscal"
    """The sealed export of the evidence itself, as OSCAL assessment results."""


class ReportState(StrEnum):
    """Where a report is; the last two are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


class FailReason(StrEnum):
    """Why there is no file."""

    FRAMEWORK_GONE = "framework_gone"
    LIBRARY_MISSING = "library_missing"
    TOO_LARGE = "too_large"
    GAVE_UP = "gave_up"
    """Tried MAX_RUNS times; each time its worker died or the database did not answer."""
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """What a report is to say.

    Attributes:
        framework: id of the framework whose controls it is about.
        start: first instant of the period.
        end: the instant after the period.
        application: the application it is limited to; None for all.
        audience: for whom.
        format: as what.
    """

    framework: str
    start: datetime
    end: datetime
    application: str | None
    audience: Audience
    format: ReportFormat


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A finished file without its bytes; ``sha256`` in hex, ``signature`` None when there is no key."""

    name: str
    media_type: str
    size: int
    sha256: str
    signature: Signature | None


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A finished file."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """A report as its tenant sees it.

    Attributes:
        tenant_id: whose it is.
        report_id: names it.
        order: what it is to say.
        state: where it is.
        reason: why it failed.
        ordered_by: id of the token that asked for it, or of the schedule.
        schedule_id: the schedule that asked for it.
        run: rises with each claim by a worker; what an earlier claimant writes no longer counts.
        created_at: when it was ordered.
        finished_at: when it ended.
        file: of a report that is ready.
    """

    tenant_id: UUID
    report_id: UUID
    order: ReportOrder
    state: ReportState
    reason: FailReason | None
    ordered_by: str
    schedule_id: UUID | None
    run: int
    created_at: datetime
    finished_at: datetime | None
    file: FileFacts | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in (ReportState.READY, ReportState.FAILED)
