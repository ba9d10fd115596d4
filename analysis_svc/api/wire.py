"""What goes over the wire: requests are checked here, answers take their shape here."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from analysis_svc.domain.analyze_requests import KeptAnalysis
from analysis_svc.domain.catalogue import Priority, Relation
from analysis_svc.domain.models import (
    AnalysisRequest,
    Context,
    DetectorFailure,
    Direction,
    EvidenceState,
    FactorKind,
    Finding,
    Level,
    StatedVersions,
)

_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=_CLEAN)]
FindingId = Annotated[str, Meta(min_length=1, max_length=64, pattern=_CLEAN)]
Share = Annotated[float, Meta(ge=0, le=1)]
Names = Annotated[list[Name], Meta(max_length=256)]


class FindingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A canonical finding: ``score`` is the risk, ``confidence`` how sure the mapping is, both in [0, 1]."""

    id: FindingId
    label: Name
    score: Share
    confidence: Share
    detector: Name | None = None
    tier: Annotated[str, Meta(min_length=1, max_length=32, pattern=_CLEAN)] | None = None
    occurrences: Annotated[int, Meta(ge=1, le=1_000_000)] = 1


class FailedIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detector that gave nothing usable, and how it ended."""

    detector: Name
    status: Name


class VersionsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the findings were made with; kept beside them, so that an export can tell."""

    policy: Name | None = None
    policy_version: Name | None = None
    mapper_taxonomy: Name | None = None
    model: Name | None = None
    detectors: Annotated[dict[Name, Name], Meta(max_length=256)] = {}


class ContextIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the findings come from. Who had to look and did not decides what can be said at all.

    ``request_id`` names one request: the same sent again under it is kept once. ``subject`` is the person
    whose text it was, by a name of the caller's own; only a keyed hash of it is kept, for erasure.
    """

    request_id: Name | None = None
    application: Name | None = None
    direction: Literal["input", "output"] | None = None
    detectors_required: Names = []
    detectors_succeeded: Names = []
    detectors_failed: Annotated[list[FailedIn], Meta(max_length=256)] = []
    coverage: Share | None = None
    subject: Name | None = None
    versions: VersionsIn = msgspec.field(default_factory=VersionsIn)


class AnalyzeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings of one text.

    ``frameworks`` names those to answer for; absent means the default ones and the tenant's own.
    """

    findings: Annotated[list[FindingIn], Meta(max_length=1000)]
    context: ContextIn = msgspec.field(default_factory=ContextIn)
    frameworks: Annotated[list[Name], Meta(min_length=1, max_length=32)] | None = None


class AnalyzeBatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 100 requests with 5,000 findings in all."""

    items: Annotated[list[AnalyzeRequest], Meta(min_length=1, max_length=100)]


class IntervalOut(msgspec.Struct, frozen=True):
    """Bounds of the score."""

    low: float
    high: float


class FactorOut(msgspec.Struct, frozen=True):
    """One reason for the score or the width of its interval."""

    kind: FactorKind
    name: str
    points: float
    findings: list[str]


class DetectorTrustOut(msgspec.Struct, frozen=True):
    """One detector: what was measured of it, by whom, and the two probabilities made of that.

    The figures and ``source`` are null where nobody measured; both probabilities are 0.5 then.
    """

    detector: str
    may_have_missed: float
    right_when_it_speaks: float
    recall: float | None
    false_positive_rate: float | None
    source: str | None


class IntervalBasisOut(msgspec.Struct, frozen=True):
    """What the interval was made of besides the findings, each in [0, 1].

    ``not_looked`` is the share of what had to look and did not, ``may_have_missed`` how likely the detector
    that misses most missed something, ``imagined`` the strength of what ``high`` adds to the findings.
    """

    not_looked: float
    may_have_missed: float
    imagined: float
    detectors: list[DetectorTrustOut]


class RiskCalibrationOut(msgspec.Struct, frozen=True):
    """The model whose word entered the score, and the labels that it was about."""

    model: str
    version: str
    labels: list[str]


class RiskOut(msgspec.Struct, frozen=True):
    """Score 0 to 100, its level and interval. ``undetermined``: nothing found, but someone did not look.

    Level ``none`` says that everybody looked; what they may have missed is in the interval.

    ``calibration`` is null when the formula alone made the score.
    """

    score: float
    level: Level
    interval: IntervalOut
    contributing_factors: list[FactorOut]
    interval_basis: IntervalBasisOut
    calibration: RiskCalibrationOut | None


class ComplianceOut(msgspec.Struct, frozen=True):
    """What the findings say about one control."""

    framework: str
    edition: str
    control: str
    title: str
    relation: Relation
    evidence_state: EvidenceState
    findings: list[str]
    labels: list[str]
    rationale: str
    strength: float


class PatternOut(msgspec.Struct, frozen=True):
    """Labels that mean more together than apart."""

    id: str
    title: str
    statement: str
    priority: Priority
    labels: list[str]
    findings: list[str]


class RemediationOut(msgspec.Struct, frozen=True):
    """One thing to do."""

    action: str
    priority: Priority
    control: str | None
    findings: list[str]


class CitationOut(msgspec.Struct, frozen=True):
    """A sentence of the shipped catalogue, verbatim."""

    source: str
    ref_id: str
    quote: str
    score: float


class VersionInfoOut(msgspec.Struct, frozen=True):
    """Editions behind the answer."""

    taxonomy: str
    frameworks: dict[str, str]
    model: str | None


class MissingOut(msgspec.Struct, frozen=True):
    """A part that should be there and is not."""

    part: str
    reason: str


class AnalyzeAnswer(msgspec.Struct, frozen=True):
    """The analysis. Finding references are the ids of the request."""

    risk: RiskOut
    compliance: list[ComplianceOut]
    patterns: list[PatternOut]
    remediation: list[RemediationOut]
    explanation: str
    citations: list[CitationOut]
    confidence: float
    evidence_id: UUID | None
    missing: list[MissingOut]
    analysed_at: datetime
    version_info: VersionInfoOut


class AnalyzeBatchAnswer(msgspec.Struct, frozen=True):
    """One answer for each item, in order."""

    results: list[AnalyzeAnswer]


class EvidenceFindingOut(msgspec.Struct, frozen=True):
    """A finding as it was kept."""

    finding_id: str
    label: str
    score: float
    confidence: float
    detector: str | None
    tier: str | None
    occurrences: int


class FailedOut(msgspec.Struct, frozen=True):
    """A detector that gave nothing usable, and how it ended."""

    detector: str
    status: str


class EvidenceSummaryOut(msgspec.Struct, frozen=True):
    """One analysis as it was kept, without its findings; the record itself has them."""

    evidence_id: UUID
    analysed_at: datetime
    request_id: str | None
    application: str | None
    risk_score: float
    risk_low: float
    risk_high: float
    level: Level
    taxonomy: str
    detectors_required: list[str]
    detectors_succeeded: list[str]
    detectors_failed: list[FailedOut]
    violated: list[str]
    versions: dict[str, object] | None


class EvidenceOut(EvidenceSummaryOut, frozen=True):
    """One analysis as it was kept: canonical metadata, never text."""

    findings: list[EvidenceFindingOut]


class EvidencePage(msgspec.Struct, frozen=True):
    """Records newest first; ``next_cursor`` is null on the last page."""

    items: list[EvidenceSummaryOut]
    next_cursor: UUID | None


def request_of(data: AnalyzeRequest) -> AnalysisRequest:
    """Turn a checked request into the domain's."""
    context = data.context
    return AnalysisRequest(
        findings=tuple(
            Finding(
                id=finding.id,
                label=finding.label,
                score=finding.score,
                confidence=finding.confidence,
                detector=finding.detector,
                tier=finding.tier,
                occurrences=finding.occurrences,
            )
            for finding in data.findings
        ),
        context=Context(
            request_id=context.request_id,
            application=context.application,
            direction=Direction(context.direction) if context.direction else None,
            detectors_required=tuple(context.detectors_required),
            detectors_succeeded=tuple(context.detectors_succeeded),
            detectors_failed=tuple(
                DetectorFailure(one.detector, one.status) for one in context.detectors_failed
            ),
            coverage=context.coverage,
            subject=context.subject,
            versions=StatedVersions(
                policy=context.versions.policy,
                policy_version=context.versions.policy_version,
                mapper_taxonomy=context.versions.mapper_taxonomy,
                model=context.versions.model,
                detectors=context.versions.detectors,
            ),
        ),
        frameworks=None if data.frameworks is None else tuple(data.frameworks),
    )


def answer_of(kept: KeptAnalysis) -> AnalyzeAnswer:
    """Turn an analysis into its wire form."""
    missing = [] if kept.evidence_id else [MissingOut("evidence", "database_unavailable")]
    missing += [MissingOut(f"engine {name}", fault) for name, fault in kept.engines_failed.items()]
    if not kept.own_frameworks:
        missing.append(MissingOut("own_frameworks", "database_unavailable"))
    analysis = kept.analysis
    parts = {
        name: getattr(analysis, name)
        for name in ("risk", "compliance", "patterns", "remediation", "explanation", "citations")
    }
    return msgspec.convert(
        {
            **parts,
            "confidence": analysis.confidence,
            "evidence_id": kept.evidence_id,
            "missing": missing,
            "analysed_at": analysis.analysed_at,
            "version_info": analysis.version_info,
        },
        AnalyzeAnswer,
        from_attributes=True,
    )
