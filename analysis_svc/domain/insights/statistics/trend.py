"""Whether something becomes more or less frequent among the analyses.

A logistic regression on time of the share of analyses that have it (binomial GLM with Pearson-scaled
dispersion), so that a busier week is no trend. Standard errors grow by ``sqrt((1 + r) / (1 - r))`` with the
residuals' correlation ``r`` from one bucket to the next, as for a first-order autoregressive process.
"""

import math

import numpy as np
import statsmodels.api as sm
from scipy import stats

from analysis_svc.domain.insights.pattern_models import PatternKind
from analysis_svc.domain.insights.statistics.logistic import fit_shares
from analysis_svc.domain.insights.statistics.series import Board, Numbers, Series, too_little
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict, times

LEAST_BUCKETS = 14
LEAST_EVENTS = 20
LEAST_ODDS_RATIO = 1.5
"""Over the whole span, up or down."""
_MOST_CORRELATION = 0.95


def trend(board: Board, series: Series) -> Outcome:
    """Test one series."""
    filled = series.filled
    if len(filled) < LEAST_BUCKETS or series.total < LEAST_EVENTS:
        return too_little(PatternKind.TREND, board, series, buckets=LEAST_BUCKETS, events=LEAST_EVENTS)
    whole = max(int(filled[-1] - filled[0]), 1)
    # 0 to 1 over the span, so that the coefficient is the change over all of it.
    when = (filled - filled[0]) / whole
    events, rest = series.events[filled], series.exposure[filled] - series.events[filled]
    fitted = fit_shares(events, rest, sm.add_constant(when))
    if fitted is None:
        # Everything lies on one side of some moment; that is for the change points to say.
        return _verdict(board, series, statistic=0.0, p_value=1.0, ratio=1.0)
    together = _lag_one(fitted.residuals)
    error = float(fitted.errors[1]) * math.sqrt((1 + together) / (1 - together))
    slope = float(fitted.coefficients[1])
    statistic = slope / error
    p_value = float(2 * stats.t.sf(abs(statistic), len(filled) - 2))
    return _verdict(board, series, statistic=statistic, p_value=p_value, ratio=math.exp(slope))


def _lag_one(residuals: Numbers) -> float:
    if float(np.std(residuals)) <= 0.0:
        return 0.0
    together = float(np.corrcoef(residuals[:-1], residuals[1:])[0, 1])
    return min(max(together, 0.0), _MOST_CORRELATION) if math.isfinite(together) else 0.0


def _verdict(board: Board, series: Series, *, statistic: float, p_value: float, ratio: float) -> Verdict:
    way = "more" if ratio >= 1 else "less"
    return Verdict(
        kind=PatternKind.TREND,
        subjects=(series.subject,),
        statement=f"{series.subject.phrase} becomes {way} frequent: its odds at the end are {times(ratio)} "
        "those at the beginning",
        test="logistic regression on time, dispersion and autocorrelation adjusted",
        statistic=statistic,
        p_value=p_value,
        effect=ratio,
        effect_kind="odds_ratio_over_span",
        large_enough=max(ratio, 1 / ratio) >= LEAST_ODDS_RATIO,
        n=len(series.filled),
        events=series.total,
        first=0,
        behind=None,
        groups=board.of(series.subject),
    )
