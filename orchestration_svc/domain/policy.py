"""What a policy plans for one request: who looks, who has to, how much is enough, what failures mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class CoverageMethod(StrEnum):
    """How coverage is counted."""

    REQUIRED_SET = "REQUIRED_SET"
    WEIGHTED = "WEIGHTED"
    TAXONOMY = "TAXONOMY"


class ConflictStrategy(StrEnum):
    """What holds when detectors differ about the same label."""

    HIGHEST_CONFIDENCE = "highest_confidence"
    WEIGHTED_AVERAGE = "weighted_average"
    MAJORITY_VOTE = "majority_vote"
    MOST_RESTRICTIVE = "most_restrictive"


class FailMode(StrEnum):
    """What it means for the decision that a detector gave nothing."""

    OPEN = "open"
    CLOSED = "closed"


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
        weights: of detectors, above 0, for WEIGHTED coverage and weighted_average; 1 where none is given.
        covers: for TAXONOMY coverage and for votes, what each detector can find, as the policy says.
        categories: for TAXONOMY coverage, what has to be looked for; prefixes of labels.
        conflict: what holds when detectors differ.
        thresholds: least score in [0, 1] of a finding that counts, by prefix of its label.
        threshold: the same for every other label.
        fail_modes: what the failure of a detector means, by name.
        fail_mode: the same for every other detector.
    """

    name: str
    version: str
    description: str
    content_types: frozenset[str]
    detectors: tuple[str, ...] | None
    required: tuple[str, ...] | None
    coverage_method: CoverageMethod
    coverage_threshold: float
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    categories: tuple[str, ...] = ()
    conflict: ConflictStrategy = ConflictStrategy.MOST_RESTRICTIVE
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    threshold: float = 0.0
    fail_modes: Mapping[str, FailMode] = field(default_factory=lambda: MappingProxyType({}))
    fail_mode: FailMode = FailMode.OPEN

    def fails_closed(self, detector: str) -> bool:
        """Whether nothing may pass when this detector gave nothing."""
        return self.fail_modes.get(detector, self.fail_mode) is FailMode.CLOSED

    def threshold_of(self, label: str) -> float:
        """Returns the least score that counts for a label: that of the longest prefix, or the general one."""
        matching = [prefix for prefix in self.thresholds if is_within(label, prefix)]
        return self.thresholds[max(matching, key=len)] if matching else self.threshold


def is_within(label: str, prefix: str) -> bool:
    """Whether a label is the category or lies below it; `PII` holds `PII.Contact` and not `PIIX`."""
    return label == prefix or label.startswith(f"{prefix}.")


@dataclass(frozen=True, slots=True)
class Budget:
    """How a request's time is shared out, in seconds.

    Attributes:
        detectors_s: for all detectors together.
        mapper_s: for the mapper.
        analysis_s: for the analysis, whatever the others took.
        whole_s: for all of them.
    """

    detectors_s: float
    mapper_s: float
    analysis_s: float
    whole_s: float = 0.0

    def analysis_after(self, spent_s: float) -> float:
        """Return the seconds for the analysis: its share, and as much again of what the others left over."""
        return max(self.analysis_s, min(2 * self.analysis_s, self.whole_s - spent_s))


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
        whole_s=total - overhead,
    )
