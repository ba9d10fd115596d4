"""Which detectors run, which are required, and how much coverage is enough."""

from dataclasses import dataclass
from enum import StrEnum


class CoverageMethod(StrEnum):
    """How coverage is counted."""

    REQUIRED_SET = "REQUIRED_SET"


class Priority(StrEnum):
    """How urgent a request is; it sets the time it may take."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


# Milliseconds a synchronous request may take in all, by priority.
SLA_MS: dict[Priority, int] = {
    Priority.LOW: 5_000,
    Priority.NORMAL: 2_000,
    Priority.HIGH: 2_000,
    Priority.CRITICAL: 1_000,
}
MAPPER_SHARE_MS = 500
ANALYSIS_SHARE_MS = 300


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy.

    Attributes:
        name: how a request asks for it.
        version: changes whenever the policy does.
        description: what it is for, for people.
        content_types: what it applies to.
        detectors: names that run; None means every detector that takes the content type.
        required: names that coverage is counted over; None means all that were selected.
        coverage_method: how coverage is counted.
        coverage_threshold: share in [0, 1] under which the answer is partial.
    """

    name: str
    version: str
    description: str
    content_types: frozenset[str]
    detectors: tuple[str, ...] | None
    required: tuple[str, ...] | None
    coverage_method: CoverageMethod
    coverage_threshold: float


@dataclass(frozen=True, slots=True)
class Budget:
    """How a request's time is shared out, in seconds."""

    detectors_s: float
    mapper_s: float
    analysis_s: float


def budget_for(priority: Priority, *, mapping: bool, analysis: bool) -> Budget:
    """Share out the SLA: the mapper's and the analysis's fixed shares first, the rest to the detectors.

    A CRITICAL request halves the fixed shares, so that half of its second is left for detectors.
    """
    total = SLA_MS[priority] / 1000
    shrink = 2 if priority is Priority.CRITICAL else 1
    mapper = MAPPER_SHARE_MS / 1000 / shrink if mapping else 0.0
    analysed = ANALYSIS_SHARE_MS / 1000 / shrink if analysis else 0.0
    overhead = 0.1
    return Budget(
        detectors_s=total - mapper - analysed - overhead,
        mapper_s=mapper,
        analysis_s=analysed,
    )
