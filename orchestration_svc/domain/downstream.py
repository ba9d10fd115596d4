"""What this service asks of mapper_svc and analysis_svc, and reads from their answers."""

from dataclasses import dataclass
from uuid import UUID


class DownstreamError(Exception):
    """Another service gave no usable answer.

    Args:
        reason: one of ``unavailable``, ``timeout``, ``refused``, ``unusable_answer``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
    """

    findings: tuple[MappedFinding, ...]
    body: dict[str, object]
    fallback_used: bool


@dataclass(frozen=True, slots=True)
class FailedDetector:
    """A detector that was asked and gave nothing usable."""

    detector: str
    status: str


@dataclass(frozen=True, slots=True)
class AnalysisQuestion:
    """Findings and what surrounds them."""

    request_id: UUID
    findings: tuple[MappedFinding, ...]
    required: tuple[str, ...]
    succeeded: tuple[str, ...]
    failed: tuple[FailedDetector, ...]
    coverage: float


@dataclass(frozen=True, slots=True)
class AnalysisAnswer:
    """analysis_svc's answer as it came, and the (part, reason) pairs that it says it lacks."""

    body: dict[str, object]
    missing: tuple[tuple[str, str], ...] = ()
