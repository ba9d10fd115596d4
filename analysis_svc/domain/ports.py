"""What the use cases need from the outside; adapters/ implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.audit import AuditEvent, ChainState
from analysis_svc.domain.models import Analysis, AnalysisRequest, DetectorFailure


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class EvidenceFinding:
    """A finding as it is kept: canonical metadata, never text."""

    finding_id: str
    label: str
    score: float
    confidence: float
    detector: str | None
    tier: str | None
    occurrences: int


@dataclass(frozen=True, slots=True)
class EvidenceSummary:
    """One analysis as it is kept, without its findings.

    Attributes:
        evidence_id: names it in the tenant.
        analysed_at: when, UTC.
        request_id: of the orchestrated request, as the caller gave it.
        application: as the caller gave it.
        risk_score: 0 to 100.
        risk_low: lower end of the score's interval.
        risk_high: upper end of the score's interval.
        level: in one word.
        taxonomy: edition that the labels are of.
        detectors_required: who had to look.
        detectors_succeeded: who did.
        detectors_failed: who did not, and how it ended.
        violated: "framework control" of each control that a finding violates.
        versions: what it was made with beside the taxonomy: frameworks, policy, model, detectors; None for
            analyses that were kept before this was told.
    """

    evidence_id: UUID
    analysed_at: datetime
    request_id: str | None
    application: str | None
    risk_score: float
    risk_low: float
    risk_high: float
    level: str
    taxonomy: str
    detectors_required: tuple[str, ...]
    detectors_succeeded: tuple[str, ...]
    detectors_failed: tuple[DetectorFailure, ...]
    violated: tuple[str, ...]
    versions: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class EvidenceRecord(EvidenceSummary):
    """One analysis as it is kept, with what was found."""

    findings: tuple[EvidenceFinding, ...]


class EvidenceStore(Protocol):
    """Keeps analyses as evidence."""

    async def keep(self, tenant_id: UUID, analyses: Sequence[tuple[AnalysisRequest, Analysis]]) -> list[UUID]:
        """Keep all of them or none, and return the id that each is kept under.

        What comes again under the same request id, with the same in everything that is kept, is a repetition
        and not a second analysis: it is not kept again, and its id is the first one's. Under the same request
        id with anything else it is an analysis of its own. Without a request id nothing is a repetition.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...

    async def get(self, tenant_id: UUID, evidence_id: UUID) -> EvidenceRecord | None:
        """Return one record with its findings."""
        ...

    async def page(self, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[EvidenceSummary]:
        """Return records newest first, those that come after the record of that id in this order."""
        ...


class AuditLog(Protocol):
    """Reads the audit log."""

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> list[AuditEvent]:
        """Return events newest first, older than position ``before``."""
        ...

    async def verify(self, tenant_id: UUID) -> ChainState:
        """Check the whole chain."""
        ...
