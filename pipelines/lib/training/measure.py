import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Z95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some cases, with its Wilson interval (Wilson 1927).

    Attributes:
        right: cases that count.
        cases: all cases.
        low: lower bound; 0 when there is no case.
        high: upper bound; 1 when there is no case.
    """

    right: int
    cases: int
    low: float
    high: float

    @classmethod
    def of(cls, right: int, cases: int, z: float = _Z95) -> "Share":
        """Returns the share with its interval, by the quantile `z` of the normal distribution."""
        if not cases:
            return cls(0, 0, 0.0, 1.0)
        share, square = right / cases, z**2
        middle = (share + square / (2 * cases)) / (1 + square / cases)
        spread = share * (1 - share) / cases + square / (4 * cases**2)
        half = z / (1 + square / cases) * math.sqrt(spread)
        return cls(right, cases, max(0.0, middle - half), min(1.0, middle + half))

    @property
    def value(self) -> float:
        """The share itself; not a number when there is no case."""
        return self.right / self.cases if self.cases else math.nan

    def __str__(self) -> str:
        if not self.cases:
            return "no case"
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] of {self.cases}"


def expected_calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15
) -> float:
    """Returns the mean distance of confidence and accuracy over bins of equally many cases, in [0, 1].

    Equal mass rather than equal width, so that the few sure bins do not hide the rest (Nixon et al. 2019).

    Args:
        confidence: probability of the answer, for each case.
        right: whether the answer was right.
        bins: number of bins; fewer when there are fewer cases.
    """
    if not len(confidence):
        return math.nan
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [len(part) * abs(float(confidence[part].mean()) - float(right[part].mean())) for part in parts]
    return sum(gaps) / len(order)


def is_right(
    distributions: NDArray[np.float64], labels: Sequence[str], accepted: Sequence[frozenset[str]]
) -> NDArray[np.bool_]:
    """Returns for each case whether the likeliest label is among the accepted ones."""
    best = distributions.argmax(axis=1)
    return np.array([labels[at] in right for at, right in zip(best, accepted, strict=True)], dtype=np.bool_)


def accepted_places(accepted: Sequence[frozenset[str]], labels: Sequence[str]) -> NDArray[np.bool_]:
    """Returns which labels are right, rows by labels."""
    return np.array([[label in right for label in labels] for right in accepted], dtype=np.bool_)


def mean_log_loss(log_probabilities: NDArray[np.float64], accepted: NDArray[np.bool_]) -> float:
    """Returns the mean negative logarithm of the probability of the right labels together.

    Args:
        log_probabilities: rows by labels.
        accepted: which labels are right, rows by labels; at least one in each row.
    """
    of_right = np.where(accepted, log_probabilities, -np.inf)
    return float(-np.logaddexp.reduce(of_right, axis=1).mean())


def confidence_loss(log_probabilities: NDArray[np.float64], accepted: NDArray[np.bool_]) -> float:
    """Returns the mean log loss of the answer's confidence as a forecast that the answer is right.

    Where several labels are right, the probability of the answer alone is less than the chance that it is
    right; this loss asks for the latter.
    """
    rows = np.arange(len(log_probabilities))
    best = log_probabilities.argmax(axis=1)
    sure = np.clip(np.exp(log_probabilities[rows, best]), 1e-12, 1 - 1e-12)
    return float(-np.where(accepted[rows, best], np.log(sure), np.log1p(-sure)).mean())
