"""Many occurrences within a short while: Kulldorff's temporal scan statistic (1997).

Windows of up to two buckets slide over short stretches of time. Expected is what the share among the analyses
of the 15 buckets around comes to, so that neither a busy hour nor a slow trend is a burst. How likely the
best window's log-likelihood ratio is by chance is read from a Gumbel distribution fitted to 199 random
allocations of the same occurrences (Abrams, Kulldorff and Kleinman, 2010); the allocations are the same each
time.
"""

import numpy as np
from scipy import stats

from analysis_svc.domain.insights.pattern_models import PatternKind
from analysis_svc.domain.insights.statistics.series import Board, Numbers, Series, too_little
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict, times

LEAST_BUCKETS = 5
LEAST_EVENTS = 12
LEAST_IN_WINDOW = 5
LEAST_RATIO = 3.0
ALLOCATIONS = 199
_AROUND = 7
_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 18, 24)


def burst(board: Board, series: Series) -> Outcome:
    """Test the densest window of one series."""
    if len(series.filled) < LEAST_BUCKETS or series.total < LEAST_EVENTS:
        return too_little(PatternKind.BURST, board, series, buckets=LEAST_BUCKETS, events=LEAST_EVENTS)
    expected = _expected(series, board.per_bucket)
    widths = [width for width in _WIDTHS if width <= 2 * board.per_bucket]
    ratios, width, at = _densest(series.fine_events, expected, widths)
    drawn = np.random.default_rng(0).multinomial(series.total, expected / expected.sum(), size=ALLOCATIONS)
    place, scale = stats.gumbel_r.fit(_best(drawn.astype(np.float64), expected, widths))
    seen, wanted = float(series.fine_events[at : at + width].sum()), float(expected[at : at + width].sum())
    length = (board.fine_begins(at + width) - board.fine_begins(at)).total_seconds() / 60
    return Verdict(
        kind=PatternKind.BURST,
        subjects=(series.subject,),
        statement=f"{series.subject.phrase} came {seen:.0f} times within {length:.0f} minutes from "
        f"{board.fine_begins(at):%Y-%m-%d %H:%M} UTC, {times(seen / max(wanted, 1e-9))} "
        "as often as around it",
        test="temporal scan statistic, Gumbel approximation of 199 allocations",
        statistic=ratios,
        p_value=float(stats.gumbel_r.sf(ratios, place, max(scale, 1e-9))),
        effect=seen / max(wanted, 1e-9),
        effect_kind="rate_ratio",
        large_enough=seen >= LEAST_IN_WINDOW and seen >= LEAST_RATIO * wanted,
        n=int((series.fine_exposure > 0).sum()),
        events=int(seen),
        first=at,
        behind=at + width,
        groups=board.of(series.subject),
    )


def _expected(series: Series, per_bucket: int) -> Numbers:
    """Return the occurrences to expect in each short stretch; they sum up to all there are."""
    window = np.ones(2 * _AROUND + 1)
    events = np.convolve(series.events, window, mode="full")[_AROUND:-_AROUND]
    exposure = np.convolve(series.exposure, window, mode="full")[_AROUND:-_AROUND]
    share = np.divide(events, exposure, out=np.zeros_like(events), where=exposure > 0)
    expected = np.repeat(share, per_bucket) * series.fine_exposure
    return np.asarray(expected * (series.total / expected.sum()), dtype=np.float64)


def _windows(events: Numbers, expected: Numbers, width: int) -> Numbers:
    """Return the log-likelihood ratio of each window of a width; rows of events are scanned one by one."""
    sums = np.cumsum(np.pad(np.atleast_2d(events), ((0, 0), (1, 0))), axis=1)
    seen = sums[:, width:] - sums[:, :-width]
    bounds = np.cumsum(np.pad(expected, (1, 0)))
    wanted = np.maximum(bounds[width:] - bounds[:-width], 1e-12)
    total = sums[:, -1:]
    rest, others = total - seen, np.maximum(total - wanted, 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.where(seen > 0, seen * np.log(seen / wanted), 0.0)
        outside = np.where(rest > 0, rest * np.log(rest / others), 0.0)
    return np.where(seen > wanted, inside + outside, 0.0)


def _best(rows: Numbers, expected: Numbers, widths: list[int]) -> Numbers:
    """Return the largest ratio of each row."""
    return np.asarray(np.max([_windows(rows, expected, width).max(axis=1) for width in widths], axis=0))


def _densest(events: Numbers, expected: Numbers, widths: list[int]) -> tuple[float, int, int]:
    """Return the largest ratio, and the width and place of its window."""
    best = (0.0, 1, 0)
    for width in widths:
        ratios = _windows(events, expected, width)[0]
        at = int(np.argmax(ratios))
        best = max(best, (float(ratios[at]), width, at), key=lambda one: one[0])
    return best
