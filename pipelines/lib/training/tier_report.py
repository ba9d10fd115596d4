"""How good each tier is alone and together, on every set of rows."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.scoring.calibration import Calibration
from pipelines.lib.scoring.score import TierLogits
from pipelines.lib.training.measure import Share, expected_calibration_error, is_right
from pipelines.lib.training.training_rows import TrainingRow


class TierFigures(msgspec.Struct, frozen=True):
    """One line of the table.

    Attributes:
        rows: name of the set of rows.
        tier: `model`, `head` or `combined`.
        cases: number of rows.
        accuracy: share of the rows whose likeliest label is accepted.
        low: lower bound of its Wilson interval of 95 %.
        high: upper bound.
        ece: expected calibration error, bins of equal mass.
        sure: share of the rows with a confidence of 0.8 or more.
        sure_right: share of those that are right; None when there is none.
    """

    rows: str
    tier: str
    cases: int
    accuracy: float
    low: float
    high: float
    ece: float
    sure: float
    sure_right: float | None


_SURE = 0.8


def tier_figures(
    name: str,
    rows: Sequence[TrainingRow],
    logits: TierLogits,
    labels: Sequence[str],
    calibration: Calibration,
) -> Iterator[TierFigures]:
    """Yields the figures of each tier on a set of rows that is not empty."""
    accepted = [row.accepted for row in rows]
    tiers: Mapping[str, NDArray[np.float64]] = {
        "model": calibration.model(logits.model),
        "head": calibration.head(logits.head),
        "combined": calibration.combined(logits.model, logits.head),
    }
    for tier, log_probabilities in tiers.items():
        probabilities = np.exp(log_probabilities)
        right = is_right(probabilities, labels, accepted)
        confidence = probabilities.max(axis=1)
        share = Share.of(int(right.sum()), len(rows))
        sure = confidence >= _SURE
        yield TierFigures(
            rows=name,
            tier=tier,
            cases=len(rows),
            accuracy=share.value,
            low=share.low,
            high=share.high,
            ece=expected_calibration_error(confidence, right),
            sure=float(sure.mean()),
            sure_right=float(right[sure].mean()) if sure.any() else None,
        )


def as_table(figures: Sequence[TierFigures]) -> str:
    """Returns the figures as a Markdown table."""
    lines = [
        "| rows | tier | cases | accuracy | 95 % | ECE | confidence ≥ 0.8 | right of those |",
        "|---|---|---:|---:|---|---:|---:|---:|",
    ]
    for one in figures:
        sure_right = "-" if one.sure_right is None else f"{one.sure_right:.1%}"
        lines.append(
            f"| {one.rows} | {one.tier} | {one.cases} | {one.accuracy:.1%} | {one.low:.1%} to {one.high:.1%} "
            f"| {one.ece:.3f} | {one.sure:.1%} | {sure_right} |"
        )
    return "\n".join(lines)
