"""What reports need from the outside; adapters/ implements it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.control_status import FrameworkStatus
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports.export import ExportedFile
from analysis_svc.domain.exports.make_export import ExportOrder
from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.reports.content import (
    ReportContent,
    StoredFacts,
)
from analysis_svc.domain.reports.report import (
    FailReason,
    FileFacts,
    Report,
    ReportFile,
    ReportFormat,
    ReportOrder,
)
from analysis_svc.domain.reports.schedule import ReportSchedule


class LibraryMissingError(Exception):
    """A library that a format needs is not installed.

    Args:
        library: its name on PyPI.
    """

    def __init__(self, library: str) -> None:
        super().__init__(f"the library {library} is not installed")
        self.library = library


class ReportLostError(Exception):
    """Another worker has claimed the report, or it has ended: what this one does no longer counts."""


class ReportStore(Protocol):
    """Keeps reports for those who order them; it enqueues in the transaction of the order."""

    async def add(self, report: Report, *, key_hash: bytes | None, at_most: int) -> Report:
        """Keep and enqueue it, or return the one that the same key ordered within a day.

        ServiceError CONFLICT when the key ordered something else, or ``at_most`` are open.
        """
        ...

    async def get(self, tenant_id: UUID, report_id: UUID) -> Report:
        """Return it, or raise ServiceError NOT_FOUND."""
        ...

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[Report]:
        """Return reports newest first, those older than ``before``; none after one that is not there."""
        ...

    async def content(self, tenant_id: UUID, report_id: UUID) -> bytes:
        """Return the file of a report that is ready, or raise ServiceError NOT_FOUND."""
        ...


class ReportRuns(Protocol):
    """Keeps reports for those who make them."""

    async def claim(self, tenant_id: UUID, report_id: UUID) -> Report | None:
        """Take a report to make; None when it is not there or has ended. A running one is taken too."""
        ...

    async def finish(self, report: Report, facts: FileFacts, content: bytes) -> None:
        """Keep the file; ReportLostError when the claim no longer holds."""
        ...

    async def fail(self, report: Report, reason: FailReason) -> None:
        """End it without a file; ReportLostError when the claim no longer holds."""
        ...


class ScheduleStore(Protocol):
    """Keeps schedules; it enqueues the next due time in the transaction of the change."""

    async def add(self, schedule: ReportSchedule, *, actor: str, at_most: int) -> ReportSchedule:
        """Keep it, or return the one of that id; ServiceError CONFLICT for more than ``at_most``."""
        ...

    async def all(self, tenant_id: UUID) -> list[ReportSchedule]:
        """Return them, the oldest first."""
        ...

    async def remove(self, tenant_id: UUID, schedule_id: UUID, *, actor: str) -> None:
        """Remove it, or raise ServiceError NOT_FOUND."""
        ...

    async def fire(self, tenant_id: UUID, schedule_id: UUID, *, now: datetime) -> None:
        """Order the report that is due and enqueue the next; nothing when none is due or it is gone."""
        ...


class StoredSource(Protocol):
    """Adds stored analyses up."""

    async def facts(self, tenant_id: UUID, order: ReportOrder) -> StoredFacts:
        """Return the figures of the order's period."""
        ...


class ControlSource(Protocol):
    """Says what the evidence of a period shows of each control."""

    async def status(self, tenant_id: UUID, framework_id: str, period: Period) -> FrameworkStatus:
        """Assess a framework, or raise ServiceError NOT_FOUND."""
        ...


class Signer(Protocol):
    """Signs what the service hands out."""

    async def sign(self, data: bytes) -> Signature | None:
        """Return the signature; None when the service has no signing key."""
        ...


class Renderer(Protocol):
    """Turns what a report says into a file."""

    def missing(self, kind: ReportFormat) -> str | None:
        """Return what this format needs and is not there, for a sentence that ends with it."""
        ...

    async def file(self, order: ReportOrder, content: ReportContent) -> ReportFile:
        """Write it, in any format but OSCAL; the same order and content give the same bytes.

        LibraryMissingError when a library is not there.
        """
        ...


class Exporter(Protocol):
    """Makes sealed exports of evidence, each entered in the tenant's ledger."""

    async def make(self, caller: Principal, order: ExportOrder) -> ExportedFile:
        """Make one; see ExportEvidence."""
        ...


class ReportEvents(Protocol):
    """Hears of reports, for metrics."""

    def report_ended(self, state: str) -> None:
        """A report is ready or has failed."""
        ...
