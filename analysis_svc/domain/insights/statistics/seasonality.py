"""Whether something keeps to a rhythm: by hour of the day, or by day of the week.

Tested by an F-test between two logistic regressions, with and without the phase, both with time in them; how
strong it is is told by the share of the variation beside the trend that STL ascribes to the season (Wang,
Smith and Hyndman, 2006).
"""

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.tsa.seasonal import STL

from analysis_svc.domain.insights.pattern_models import PatternKind, TooLittle
from analysis_svc.domain.insights.span import Bucket
from analysis_svc.domain.insights.statistics.logistic import fit_shares
from analysis_svc.domain.insights.statistics.series import Board, Numbers, Places, Series
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict

LEAST_CYCLES = 4
LEAST_EVENTS = 40
LEAST_FILLED = 0.75
LEAST_STRENGTH = 0.3
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def period_of(bucket: Bucket) -> int:
    """Return how many buckets a cycle has."""
    return 24 if bucket is Bucket.HOUR else 7


def seasonality(board: Board, series: Series) -> Outcome:
    """Test one series."""
    bucket = board.observation.bucket
    period, size = period_of(bucket), len(series.events)
    filled = series.filled
    if size < LEAST_CYCLES * period or len(filled) < LEAST_FILLED * size or series.total < LEAST_EVENTS:
        return TooLittle(
            PatternKind.SEASONALITY,
            series.subject,
            f"{LEAST_CYCLES * period} {bucket.value}s, three quarters of them with analyses, "
            f"and {LEAST_EVENTS} occurrences",
            f"{size}, {len(filled)} and {series.total}",
        )
    statistic, p_value = _phase_test(series, filled, period)
    strength, profile = _strength(series, filled, period)
    peak = (int(np.argmax(profile)) + _phase_of_first(board)) % period
    when = f"at {peak:02d}:00 UTC" if bucket is Bucket.HOUR else f"on {_DAYS[peak]}s"
    cycle = "day" if bucket is Bucket.HOUR else "week"
    return Verdict(
        kind=PatternKind.SEASONALITY,
        subjects=(series.subject,),
        statement=f"{series.subject.phrase} follows the {cycle} and is most frequent {when}",
        test="F-test of the phase in a logistic regression, strength by STL",
        statistic=statistic,
        p_value=p_value,
        effect=strength,
        effect_kind="seasonal_strength",
        large_enough=strength >= LEAST_STRENGTH,
        n=len(filled),
        events=series.total,
        first=0,
        behind=None,
        groups=board.of(series.subject),
    )


def _phase_of_first(board: Board) -> int:
    first = board.starts[0]
    return first.hour if board.observation.bucket is Bucket.HOUR else first.weekday()


def _phase_test(series: Series, filled: Places, period: int) -> tuple[float, float]:
    events, rest = series.events[filled], series.exposure[filled] - series.events[filled]
    when = np.asarray(filled, dtype=float) / len(series.events)
    phases = np.asarray(filled) % period
    # A phase without any occurrence has no finite coefficient; half an occurrence everywhere gives it one.
    smoothed, others = events + 0.5 / period, rest + 0.5 / period
    dummies = np.column_stack([(phases == phase).astype(float) for phase in range(1, period)])
    small = fit_shares(smoothed, others, sm.add_constant(when))
    large = fit_shares(smoothed, others, sm.add_constant(np.column_stack([when, dummies])))
    if small is None or large is None or large.freedom <= 0:
        return 0.0, 1.0
    more = small.freedom - large.freedom
    statistic = max((small.deviance - large.deviance) / more / large.dispersion, 0.0)
    return statistic, float(stats.f.sf(statistic, more, large.freedom))


def _strength(series: Series, filled: Places, period: int) -> tuple[float, Numbers]:
    """Return the strength in [0, 1] and the mean season of each phase."""
    shares = series.events[filled] / series.exposure[filled]
    whole = np.interp(np.arange(len(series.events)), filled, shares)
    parts = STL(whole, period=period, robust=True).fit()
    season, rest = np.asarray(parts.seasonal), np.asarray(parts.resid)
    beside = float(np.var(season + rest))
    profile = np.array([season[phase::period].mean() for phase in range(period)])
    return (max(0.0, 1.0 - float(np.var(rest)) / beside) if beside > 0 else 0.0), profile
