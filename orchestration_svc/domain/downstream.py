"""What this service asks of mapper_svc and analysis_svc, and reads from their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID


class DownstreamError(Exception):
    """Another service gave no usable answer.

    Args:
        reason: one of ``unavailable``, ``timeout``, ``refused``, ``unusable_answer``, and from the analysis
            ``subject_not_kept``: it has no key to hash persons with, so it would lose whose the text was.
        field: of what was sent, the one that it refused, where it says so.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


@dataclass(frozen=True, slots=True)
class MappedFinding:
    """What this service reads of a finding; the rest is passed on untouched.

    ``raw_label`` is what the detector called it; empty when the mapper does not say.
    """

    label: str
    score: float
    confidence: float
    detector: str
    tier: str
    occurrences: int
    raw_label: str = ""


@dataclass(frozen=True, slots=True)
class MapperAnswer:
    """mapper_svc's answer.

    Attributes:
        findings: what this service needs of each.
        body: the answer as it came, for the caller.
        fallback_used: whether the mapper fell back.
        mapping_version: what it was mapped with, as the mapper calls it; None where it does not say, and
            then the answer is not to be kept.
    """

    findings: tuple[MappedFinding, ...]
    body: dict[str, object]
    fallback_used: bool
    mapping_version: str | None = None


@dataclass(frozen=True, slots=True)
class FailedDetector:
    """A detector that was asked and gave nothing usable."""

    detector: str
    status: str


@dataclass(frozen=True, slots=True)
class MadeWith:
    """What findings were made with; None where it is not known.

    Attributes:
        policy: name of the policy that chose the detectors.
        policy_version: its version.
        mapper_taxonomy: edition that the mapper named labels by.
        model: what named those that no rule did.
        detectors: version of each that gave an output, by name.
    """

    policy: str | None = None
    policy_version: str | None = None
    mapper_taxonomy: str | None = None
    model: str | None = None
    detectors: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class AnalysisQuestion:
    """Findings and what surrounds them.

    ``application`` and ``subject`` say where the text comes from and whose it is, by the caller's names.
    """

    request_id: UUID
    findings: tuple[MappedFinding, ...]
    required: tuple[str, ...]
    succeeded: tuple[str, ...]
    failed: tuple[FailedDetector, ...]
    coverage: float
    made_with: MadeWith = field(default_factory=MadeWith)
    application: str | None = None
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AnalysisAnswer:
    """analysis_svc's answer as it came, and the (part, reason) pairs that it says it lacks."""

    body: dict[str, object]
    missing: tuple[tuple[str, str], ...] = ()
