"""Figures with their intervals of 95 %."""

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.training.measure import Share

SEED = 20261122
"""Of every resampling: the same answers give the same intervals."""
RESAMPLES = 2000
Weights = NDArray[np.float64]
"""Resamples by things: how often each thing is in each resample."""
_Z95 = 1.959963984540054


class Figure(msgspec.Struct, frozen=True):
    """A share or a mean, with its interval of 95 %.

    Attributes:
        value: the figure, in [0, 1].
        low: lower bound.
        high: upper bound.
        cases: what it was counted over.
    """

    value: float
    low: float
    high: float
    cases: int

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


def share_of(counts: NDArray[np.bool_]) -> Figure | None:
    """Returns the share of cases that count, with its Wilson interval; None when there is no case."""
    share = Share.of(int(counts.sum()), len(counts))
    return Figure(share.value, share.low, share.high, share.cases) if share.cases else None


def resampled(
    cases: int, of_weights: Callable[[Weights], NDArray[np.float64]], drawn: int | None = None
) -> Figure:
    """Returns a figure with an interval from resampling, normal around the figure itself.

    The spread of the resamples is used, not their percentiles: a mean over labels drops labels that a
    resample happens not to hold, which shifts every resample to one side of the figure.

    Args:
        cases: what the figure is counted over.
        of_weights: the figure of every row of weights, which say how often each of the drawn things counts.
        drawn: how many things are drawn, if not the cases.
    """
    things = cases if drawn is None else drawn
    draw = np.random.default_rng(SEED)
    fair = np.full(things, 1 / things)
    found = of_weights(draw.multinomial(things, fair, RESAMPLES).astype(np.float64))
    value = float(of_weights(np.ones((1, things)))[0])
    half = _Z95 * float(found.std(ddof=1))
    return Figure(value, max(0.0, value - half), min(1.0, value + half), cases)
