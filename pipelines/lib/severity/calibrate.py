"""Learns how bad findings are from what people said, and takes it only where it beats the formula.

For each detector and label an isotonic regression of people's severity on the detector's score. It is held to
the formula, severity(label) * score, on rows that it was not fitted on: five folds, ten times over. It passes
when there are `ROWS` rows, and the lower end of a 95 % interval of the improvement in squared error, drawn
over rows, is above 0. What passes is fitted on all rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import RepeatedKFold

from analysis_svc.domain.severity_calibration import GRID
from pipelines.lib.severity.judged import Judged

ROWS = 50
_FOLDS, _TIMES, _DRAWS, _SEED = 5, 10, 2_000, 20261103
_LOWER = 2.5


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one detector and label.

    Attributes:
        detector: who found it.
        label: canonical.
        rows: judged findings.
        error_of_formula: mean squared error of the formula on held-out rows; None with too few.
        error: the same of the regression.
        least_gain: lower end of the interval of the improvement.
        values: severity for each score of the grid; empty unless it passed.
        why: why it did not pass; empty when it did.
    """

    detector: str
    label: str
    rows: int
    error_of_formula: float | None
    error: float | None
    least_gain: float | None
    values: tuple[float, ...]
    why: str


def calibrate(judged: Sequence[Judged], severities: Mapping[str, float]) -> list[Trial]:
    """Try every detector and label.

    A finding that was confirmed without a word on how bad it is counts as the formula has it, so that false
    positives are weighed against it.

    Args:
        judged: findings with what people said.
        severities: inherent severity by label; findings of other labels are passed over.
    """
    pairs: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        if one.label in severities and not one.label.startswith("OTHER."):
            pairs.setdefault((one.detector, one.label), []).append(one)
    return [_try(*pair, rows, severities[pair[1]]) for pair, rows in sorted(pairs.items())]


def _try(detector: str, label: str, rows: Sequence[Judged], severity: float) -> Trial:
    if len(rows) < ROWS:
        why = f"{len(rows)} judged findings, {ROWS} are needed"
        return Trial(detector, label, len(rows), None, None, None, (), why)
    scores = np.array([one.score for one in rows])
    formula = severity * scores
    people = np.array(
        [
            expected if one.severity is None else one.severity
            for one, expected in zip(rows, formula, strict=True)
        ]
    )
    held_out = np.zeros(len(rows))
    for fitted, left in RepeatedKFold(n_splits=_FOLDS, n_repeats=_TIMES, random_state=_SEED).split(scores):
        held_out[left] += (_fit(scores[fitted], people[fitted]).predict(scores[left]) - people[left]) ** 2
    held_out /= _TIMES
    of_formula = (formula - people) ** 2
    draws = np.random.default_rng(_SEED).integers(0, len(rows), (_DRAWS, len(rows)))
    least = float(np.percentile((of_formula - held_out)[draws].mean(axis=1), _LOWER))
    values: tuple[float, ...] = ()
    if least > 0:
        values = tuple(float(value) for value in _fit(scores, people).predict(np.array(GRID)))
    return Trial(
        detector,
        label,
        len(rows),
        float(of_formula.mean()),
        float(held_out.mean()),
        least,
        values,
        "" if values else "it does not beat the formula on held-out findings",
    )


def _fit(
    scores: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    people: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> IsotonicRegression:
    return IsotonicRegression(y_min=0.0, y_max=1.0, increasing=True, out_of_bounds="clip").fit(scores, people)
