"""Whether a version that is tried does so much worse than the active one that it must go at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, ArmFigures

# The guard looks every second. Three standard errors are a false alarm in 740 looks at one that is exactly at
# the limit; as the margins come on top, one that is no worse is further away than that.
_Z = 3.0
_TAIL = 0.05


class GuardReason(StrEnum):
    """Why the guard rolls a version back; a closed set, fit to be a metric's label."""

    ERROR_RATE = "error_rate"
    FALLBACK_RATE = "fallback_rate"
    LATENCY = "latency"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """How much worse is too much.

    Attributes:
        min_calls: calls of the tried version below which nothing is judged.
        error_margin: by how much its share of failed calls may be larger, in [0, 1].
        fallback_margin: by how much its share of labels that it abstains on may be larger, in [0, 1].
        latency_ratio: by what factor its 95th percentile may be longer.
        latency_slack_ms: and by how many milliseconds at least, as small differences are noise.
        min_agreement: of labels of which both are sure, the least share that both must call the same.
    """

    min_calls: int
    error_margin: float
    fallback_margin: float
    latency_ratio: float
    latency_slack_ms: float
    min_agreement: float


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that was passed, with the figures that show it."""

    reason: GuardReason
    figures: Mapping[str, object]


def find_breach(counts: Mapping[str, int], limits: GuardLimits) -> Breach | None:
    """Compare the arms over one window of time.

    A share is judged by Wilson's interval (Wilson 1927, J. Am. Stat. Assoc. 22:209), so that a few calls
    convict nobody: the lower end of the tried version's must lie above the upper end of the active one's
    plus the margin. Of an active version that was not called in the window it is assumed that it never fails.
    How much it abstains is assumed of none, as a good one abstains on what nobody could name: abstention is
    judged where it was asked about ``min_calls`` labels itself, and latency where it answered as many calls.

    Args:
        counts: the counters of the window, of all replicas.
        limits: how much worse is too much.
    """
    tried, active = ArmFigures.of(Arm.TREATMENT, counts), ArmFigures.of(Arm.CONTROL, counts)
    if tried.calls < limits.min_calls:
        return None
    if _worse((tried.errors, tried.calls), (active.errors, active.calls), limits.error_margin):
        return Breach(
            GuardReason.ERROR_RATE,
            {
                "tried_errors": tried.errors,
                "tried_calls": tried.calls,
                "active_errors": active.errors,
                "active_calls": active.calls,
            },
        )
    return _abstains(tried, active, limits) or _too_slow(tried, active, limits) or _disagrees(counts, limits)


def _abstains(tried: ArmFigures, active: ArmFigures, limits: GuardLimits) -> Breach | None:
    if active.labels < limits.min_calls:
        return None
    if _worse((tried.unsure, tried.labels), (active.unsure, active.labels), limits.fallback_margin):
        return Breach(
            GuardReason.FALLBACK_RATE,
            {
                "tried_unsure": tried.unsure,
                "tried_labels": tried.labels,
                "active_unsure": active.unsure,
                "active_labels": active.labels,
            },
        )
    return None


def _too_slow(tried: ArmFigures, active: ArmFigures, limits: GuardLimits) -> Breach | None:
    usual = active.p95_ms()
    if usual is None or active.answered < limits.min_calls:
        return None
    limit = max(usual * limits.latency_ratio, usual + limits.latency_slack_ms)
    slow = tried.slower_than(limit)
    # Its 95th percentile is past the limit when more than one call in twenty is.
    if tried.answered == 0 or wilson(slow, tried.answered)[0] <= _TAIL:
        return None
    return Breach(
        GuardReason.LATENCY,
        {
            "tried_p95_ms": round(tried.p95_ms() or 0.0),
            "active_p95_ms": round(usual),
            "slow_calls": slow,
            "tried_calls": tried.answered,
        },
    )


def _disagrees(counts: Mapping[str, int], limits: GuardLimits) -> Breach | None:
    sure, agreed = counts.get(BOTH_SURE, 0), counts.get(AGREED, 0)
    if sure < limits.min_calls or wilson(agreed, sure)[1] >= limits.min_agreement:
        return None
    return Breach(GuardReason.AGREEMENT, {"agreed": agreed, "both_sure": sure})


def _worse(tried: tuple[int, int], active: tuple[int, int], margin: float) -> bool:
    if tried[1] == 0:
        return False
    usual = wilson(*active)[1] if active[1] else 0.0
    return wilson(*tried)[0] > usual + margin


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share at three standard errors; (0, 1) without any."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, _Z * _Z / total
    middle = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
