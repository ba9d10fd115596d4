"""Whether an answer is right as often as it says it is sure."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.figure import SEED, Figure, share_of
from pipelines.lib.training.measure import expected_calibration_error

BINS = 10
"""With 671 cases a bin has 67. With 15 bins the error of a model that is calibrated to perfection would be
larger than with 10 by nothing but the chance of who is in which bin; `expected_by_chance` says how large."""
_DRAWS = 2000


class ReliabilityBin(msgspec.Struct, frozen=True):
    """Cases of like confidence.

    Attributes:
        confidence: mean confidence of their answers.
        accuracy: share of the answers that are right.
    """

    confidence: float
    accuracy: Figure


class CalibrationScore(msgspec.Struct, frozen=True):
    """How far confidence and accuracy lie apart.

    Attributes:
        cases: number of cases.
        ece: expected calibration error over `BINS` bins of equal mass.
        ece_of_bins: the same with other numbers of bins, by that number.
        expected_by_chance: the mean ECE of a model with just these confidences that is calibrated to
            perfection: what the number of cases alone makes of it.
        chance_high: the ECE that such a model stays under in 95 of 100 sets of cases.
        bins: the reliability diagram, the least sure first.
    """

    cases: int
    ece: float
    ece_of_bins: dict[str, float]
    expected_by_chance: float
    chance_high: float
    bins: tuple[ReliabilityBin, ...]


def calibration_score(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> CalibrationScore:
    """Compares confidence and accuracy.

    Args:
        confidence: of each answer, in [0, 1]; at least one.
        right: whether each answer was right.
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(BINS, len(order)))
    chance = _by_chance(confidence, parts)
    return CalibrationScore(
        cases=len(confidence),
        ece=expected_calibration_error(confidence, right, BINS),
        ece_of_bins={str(bins): expected_calibration_error(confidence, right, bins) for bins in (5, 15, 20)},
        expected_by_chance=float(chance.mean()),
        chance_high=float(np.quantile(chance, 0.95)),
        bins=tuple(
            ReliabilityBin(float(confidence[part].mean()), accuracy)
            for part in parts
            if (accuracy := share_of(right[part])) is not None
        ),
    )


def _by_chance(confidence: NDArray[np.float64], parts: list[NDArray[Any]]) -> NDArray[np.float64]:
    draw = np.random.default_rng(SEED)
    right = draw.random((_DRAWS, len(confidence))) < confidence
    gaps = [np.abs(right[:, part].mean(axis=1) - confidence[part].mean()) * len(part) for part in parts]
    found: NDArray[np.float64] = np.sum(gaps, axis=0) / len(confidence)
    return found
