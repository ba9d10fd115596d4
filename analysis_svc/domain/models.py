"""The analysis request and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from analysis_svc.domain.catalogue import Priority, Relation
from analysis_svc.domain.detector_figures import DetectorTrust


class Direction(StrEnum):
    """Which way the analysed text went."""

    INPUT = "input"
    OUTPUT = "output"


class Level(StrEnum):
    """Risk in one word. The bounds are in `score_risk`."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNDETERMINED = "undetermined"
    """Nothing that counts was found, but something did not look or its word is open: no statement."""


class EvidenceState(StrEnum):
    """What the evidence says of a control."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    INSUFFICIENT = "insufficient"


class FactorKind(StrEnum):
    """What moved the score or widened its interval."""

    LABEL = "label"
    MISSING_DETECTOR = "missing_detector"
    UNREADABLE_OUTPUT = "unreadable_output"
    UNKNOWN_LABEL = "unknown_label"
    NEEDS_REVIEW = "needs_review"
    UNKNOWN_COVERAGE = "unknown_coverage"


@dataclass(frozen=True, slots=True)
class Finding:
    """A canonical finding; it holds no text.

    `score` is the risk the detector saw, `confidence` that the label is right, both in [0, 1].
    """

    id: str
    label: str
    score: float
    confidence: float
    detector: str | None = None
    tier: str | None = None
    occurrences: int = 1


@dataclass(frozen=True, slots=True)
class DetectorFailure:
    """A detector that gave no usable result, with the status the orchestrator reported."""

    detector: str
    status: str


@dataclass(frozen=True, slots=True)
class StatedVersions:
    """What the findings were made with, as the caller tells it; None where it does not.

    `mapper_taxonomy` is the edition that the mapper named the labels by, `model` what named those that no
    rule did, `detectors` the version of each detector by its name.
    """

    policy: str | None = None
    policy_version: str | None = None
    mapper_taxonomy: str | None = None
    model: str | None = None
    detectors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the run that produced the findings.

    `coverage` in [0, 1] is as the caller computed it. `subject` is the person whose text it was, by the
    caller's own name; it is never kept, `subject_hash` is.
    """

    request_id: str | None = None
    application: str | None = None
    direction: Direction | None = None
    detectors_required: tuple[str, ...] = ()
    detectors_succeeded: tuple[str, ...] = ()
    detectors_failed: tuple[DetectorFailure, ...] = ()
    coverage: float | None = None
    subject: str | None = field(default=None, repr=False)
    subject_hash: bytes | None = None
    versions: StatedVersions = field(default_factory=StatedVersions)


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """What to analyse; `frameworks` None means those that are default."""

    findings: tuple[Finding, ...]
    context: Context = field(default_factory=Context)
    frameworks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for the score or for the width of its interval.

    `points` is the part of the score (0 to 100) it accounts for; factors that only widen have 0.
    """

    kind: FactorKind
    name: str
    points: float
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of the score, 0 to 100."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class IntervalBasis:
    """What the interval was made of besides the findings; shares and probabilities in [0, 1].

    Attributes:
        not_looked: share of what had to look that did not.
        may_have_missed: how likely the one of the detectors that misses most missed something.
        imagined: strength of the label that ``high`` imagines: all of the first, and of the rest the second.
        detectors: what is known of each.
    """

    not_looked: float
    may_have_missed: float
    imagined: float
    detectors: tuple[DetectorTrust, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The model whose word entered a score, and the labels that it was about."""

    model: str
    version: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Risk:
    """The score (0 to 100), its level, and how uncertain it is.

    `calibration` is None when the formula alone made the score.
    """

    score: float
    level: Level
    interval: Interval
    contributing_factors: tuple[Factor, ...]
    interval_basis: IntervalBasis
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class ComplianceEntry:
    """What this request's findings say about one control."""

    framework: str
    edition: str
    control: str
    title: str
    relation: Relation
    evidence_state: EvidenceState
    findings: tuple[str, ...]
    labels: tuple[str, ...]
    rationale: str
    strength: float
    """Strength of the strongest finding behind the entry, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Labels of one request that mean more together than apart."""

    id: str
    title: str
    statement: str
    priority: Priority
    labels: tuple[str, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Remediation:
    """One thing to do, at most 120 characters, with the control it serves ("framework id")."""

    action: str
    priority: Priority
    control: str | None
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A sentence of the shipped catalogue, verbatim; `score` in [0, 1] ranks it."""

    source: str
    ref_id: str
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """Editions behind an answer; `frameworks` maps framework id to edition."""

    taxonomy: str
    frameworks: Mapping[str, str]
    model: str | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The whole answer. `confidence` in [0, 1] says how far it can be relied on."""

    risk: Risk
    compliance: tuple[ComplianceEntry, ...]
    patterns: tuple[Pattern, ...]
    remediation: tuple[Remediation, ...]
    explanation: str
    citations: tuple[Citation, ...]
    confidence: float
    version_info: VersionInfo
    analysed_at: datetime
