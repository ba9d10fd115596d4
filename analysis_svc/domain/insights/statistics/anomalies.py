"""Buckets in which something is far more frequent than in the others.

Each is held against the share of all other buckets, with the dispersion that they show (beta-binomial, its
correlation from Pearson's chi-square). One bucket is one test.
"""

import numpy as np
from scipy import stats

from analysis_svc.domain.insights.pattern_models import PatternKind
from analysis_svc.domain.insights.statistics.series import Board, Numbers, Series, too_little
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict, times

LEAST_BUCKETS = 10
LEAST_EVENTS = 10
LEAST_IN_BUCKET = 3
LEAST_RATIO = 2.0
_MEDIAN_CHI_SQUARE = 0.4549
"""Median of the chi-square distribution with one degree of freedom."""


def anomalies(board: Board, series: Series) -> list[Outcome]:
    """Test every bucket of one series."""
    filled = series.filled
    if len(filled) < LEAST_BUCKETS or series.total < LEAST_EVENTS:
        return [too_little(PatternKind.ANOMALY, board, series, buckets=LEAST_BUCKETS, events=LEAST_EVENTS)]
    events, exposure = series.events[filled], series.exposure[filled]
    # Half an occurrence more, so that where all others have none one is still possible.
    others = (events.sum() - events + 0.5) / (exposure.sum() - exposure + 1.0)
    together = _correlation(events, exposure, others)
    return [
        _verdict(board, series, int(bucket), float(share), together)
        for bucket, share in zip(filled, others, strict=True)
    ]


def _correlation(events: Numbers, exposure: Numbers, share: Numbers) -> float:
    """Return the correlation of analyses within a bucket; robust against the anomalies themselves."""
    share = np.clip(share, 1e-9, 1 - 1e-9)
    squares = (events - share * exposure) ** 2 / (share * (1 - share) * exposure)
    # Of rare things most squares are near 0 and their median says nothing; their trimmed mean does.
    trimmed = float(stats.trim_mean(squares, 0.1))
    dispersion = max(1.0, float(np.median(squares)) / _MEDIAN_CHI_SQUARE, trimmed)
    size = float(np.median(exposure))
    return min(max((dispersion - 1.0) / max(size - 1.0, 1.0), 0.0), 0.9)


def _verdict(board: Board, series: Series, bucket: int, share: float, together: float) -> Verdict:
    events, exposure = int(series.events[bucket]), int(series.exposure[bucket])
    ratio = events / exposure / share
    return Verdict(
        kind=PatternKind.ANOMALY,
        subjects=(series.subject,),
        statement=f"{series.subject.phrase} is in {events} of {exposure} analyses of the "
        f"{board.observation.bucket.value} from {board.begins(bucket):%Y-%m-%d %H:%M} UTC, {times(ratio)} "
        "its share elsewhere",
        test="beta-binomial tail against all other buckets",
        statistic=float(events),
        p_value=_tail(events, exposure, share, together),
        effect=ratio,
        effect_kind="rate_ratio",
        large_enough=ratio >= LEAST_RATIO and events >= LEAST_IN_BUCKET,
        n=len(series.filled),
        events=events,
        first=bucket * board.per_bucket,
        behind=(bucket + 1) * board.per_bucket,
        groups=board.of(series.subject),
    )


def _tail(events: int, exposure: int, share: float, together: float) -> float:
    """Return how likely so many or more are."""
    if together <= 1e-6:  # noqa: PLR2004 - the beta's parameters would be without bound
        return float(stats.binom.sf(events - 1, exposure, share))
    size = 1.0 / together - 1.0
    return float(stats.betabinom.sf(events - 1, exposure, share * size, (1.0 - share) * size))
