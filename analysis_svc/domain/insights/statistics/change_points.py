"""Where something became more or less frequent from one bucket to the next, and stayed so.

Candidates come from PELT (Killick and others, 2012) on the shares, made alike in variance by the arcsine of
their root. Each is then judged between its neighbours: the largest CUSUM of that stretch against the same of
1,999 shuffled orders, which takes into account that the place was searched for. The shuffles are the same
each time.
"""

import numpy as np
import ruptures

from analysis_svc.domain.insights.pattern_models import PatternKind
from analysis_svc.domain.insights.statistics.series import Board, Numbers, Places, Series, too_little
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict, times

LEAST_BUCKETS = 14
LEAST_EVENTS = 20
LEAST_ODDS_RATIO = 1.5
SHORTEST = 3
"""Buckets that a new state lasts at least."""
SHUFFLES = 1_999
_PENALTY = 3.0


def change_points(board: Board, series: Series) -> list[Outcome]:
    """Test one series; each candidate is a test of its own."""
    filled = series.filled
    if len(filled) < LEAST_BUCKETS or series.total < LEAST_EVENTS:
        return [
            too_little(PatternKind.CHANGE_POINT, board, series, buckets=LEAST_BUCKETS, events=LEAST_EVENTS)
        ]
    events, exposure = series.events[filled], series.exposure[filled]
    values = np.arcsin(np.sqrt((events + 0.375) / (exposure + 0.75)))
    noise = float(np.median(np.abs(np.diff(values)))) / 0.6745 / np.sqrt(2)
    if noise <= 0:
        noise = float(np.std(np.diff(values))) / np.sqrt(2) or 1.0
    penalty = _PENALTY * np.log(len(values))
    search = ruptures.Pelt(model="l2", min_size=SHORTEST, jump=1).fit((values / noise).reshape(-1, 1))
    places = [0, *search.predict(pen=penalty)]
    if len(places) == 2:  # noqa: PLR2004 - no candidate: the most likely place is what is tested
        places = [0, SHORTEST + int(np.argmax(_cusum(values)[0][SHORTEST - 1 : -SHORTEST])), len(values)]
    return [
        _judge(board, series, filled, values, places[at - 1 : at + 2]) for at in range(1, len(places) - 1)
    ]


def _cusum(rows: Numbers) -> Numbers:
    """Return how far the mean before each place lies from that after it, weighed by both sizes."""
    rows = np.atleast_2d(rows)
    size = rows.shape[1]
    before = np.arange(1, size)
    sums = np.cumsum(rows, axis=1)
    means = sums[:, :-1] / before
    after = (sums[:, -1:] - sums[:, :-1]) / (size - before)
    return np.asarray(np.abs(means - after) * np.sqrt(before * (size - before) / size), dtype=np.float64)


def _judge(board: Board, series: Series, filled: Places, values: Numbers, around: list[int]) -> Verdict:
    start, place, end = around
    stretch = values[start:end]
    reached = float(_cusum(stretch).max())
    shuffled = np.random.default_rng(0).permuted(np.tile(stretch, (SHUFFLES, 1)), axis=1)
    # Not quite as large is as large, but for the last digits of a sum.
    as_large = int((_cusum(shuffled).max(axis=1) >= reached * (1 - 1e-9)).sum())
    ratio = _odds(series, filled[place:end]) / _odds(series, filled[start:place])
    first = int(filled[place])
    way = "more" if ratio >= 1 else "less"
    return Verdict(
        kind=PatternKind.CHANGE_POINT,
        subjects=(series.subject,),
        statement=f"from {board.begins(first):%Y-%m-%d %H:%M} UTC on {series.subject.phrase} is {way} "
        f"frequent: its odds are {times(ratio)} those before",
        test="CUSUM between PELT's neighbours, permutation",
        statistic=reached,
        p_value=(as_large + 1) / (SHUFFLES + 1),
        effect=ratio,
        effect_kind="odds_ratio",
        large_enough=max(ratio, 1 / ratio) >= LEAST_ODDS_RATIO,
        n=end - start,
        events=int(series.events[filled[start:end]].sum()),
        first=first * board.per_bucket,
        behind=(int(filled[end - 1]) + 1) * board.per_bucket,
        groups=board.of(series.subject),
    )


def _odds(series: Series, buckets: Places) -> float:
    """Return the odds in some buckets, with half an occurrence added to each side so that they are finite."""
    events, exposure = float(series.events[buckets].sum()), float(series.exposure[buckets].sum())
    return (events + 0.5) / (exposure - events + 0.5)
