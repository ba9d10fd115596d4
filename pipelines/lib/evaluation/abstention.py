"""What is won in precision by answering only when sure."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.figure import Figure, share_of


class AbstentionPoint(msgspec.Struct, frozen=True):
    """What answering from one confidence on gives.

    Attributes:
        threshold: the confidence.
        coverage: share of the cases that are answered, by a label that the mapper takes from a model.
        precision: share of those that are right.
    """

    threshold: float
    coverage: float
    precision: float


class AtThreshold(msgspec.Struct, frozen=True):
    """What answering from the version's own threshold on gives.

    Attributes:
        threshold: the threshold.
        coverage: share of the cases that are answered, by a label that the mapper takes from a model.
        precision: share of those that are right; None when none is answered.
    """

    threshold: float
    coverage: Figure
    precision: Figure | None


def abstention_curve(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    nameable: NDArray[np.bool_],
    points: int = 100,
) -> tuple[AbstentionPoint, ...]:
    """Returns the precision at every coverage that some threshold gives, the surest answers first.

    Args:
        confidence: of each answer.
        right: whether each was right.
        nameable: whether each is one that the mapper takes from a model; the others are never answers.
        points: at most so many, spread evenly over the coverage.
    """
    taken = np.flatnonzero(nameable)
    order = taken[np.argsort(-confidence[taken], kind="stable")]
    sorted_confidence = confidence[order]
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # Only where the confidence changes is there a threshold between two cases.
    last = np.flatnonzero(np.append(np.diff(sorted_confidence) != 0, True)) if len(order) else order
    if len(last) > points:
        last = last[np.unique(np.linspace(0, len(last) - 1, points).round().astype(int))]
    return tuple(
        AbstentionPoint(float(sorted_confidence[at]), (int(at) + 1) / len(confidence), float(precision[at]))
        for at in last
    )


def at_threshold(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    nameable: NDArray[np.bool_],
    threshold: float | None,
) -> AtThreshold | None:
    """Returns what the version's threshold gives; None when it has none, or there is no case."""
    if threshold is None:
        return None
    sure = (confidence >= threshold) & nameable
    coverage = share_of(sure)
    return None if coverage is None else AtThreshold(threshold, coverage, share_of(right[sure]))
