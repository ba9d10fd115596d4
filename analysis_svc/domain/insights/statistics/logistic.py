"""Logistic regression of shares, with the dispersion that the data show."""

import warnings
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy.special import xlogy

from analysis_svc.domain.insights.statistics.series import Numbers

_MOST = 15.0
"""A coefficient beyond it is an odds ratio of millions: the shares are 0 or 1 on one side."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model.

    Attributes:
        coefficients: of the columns of the design.
        errors: their standard errors, dispersion included.
        residuals: Pearson's, in the order of the rows.
        deviance: of the model.
        dispersion: Pearson's chi-square by its degrees of freedom; never less than 1, the binomial's own.
        freedom: residual degrees of freedom.
    """

    coefficients: Numbers
    errors: Numbers
    residuals: Numbers
    deviance: float
    dispersion: float
    freedom: int


def fit_shares(events: Numbers, rest: Numbers, design: Numbers) -> Fit | None:
    """Fit shares on a design; None where there is no finite fit.

    The dispersion is computed here, for statsmodels' own estimate (``scale="X2"``) leaves the number of
    trials of each row out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is looked at below
        model = sm.GLM(np.column_stack([events, rest]), design, family=sm.families.Binomial())
        try:
            fitted = model.fit(maxiter=50)
        except (np.linalg.LinAlgError, ValueError):
            return None
    coefficients, errors = np.asarray(fitted.params), np.asarray(fitted.bse)
    finite = np.isfinite(coefficients).all() and np.isfinite(errors).all()
    if not (fitted.converged and finite and float(np.abs(coefficients).max()) < _MOST):
        return None
    trials = events + rest
    share = np.clip(np.asarray(fitted.fittedvalues), 1e-12, 1 - 1e-12)
    residuals = (events - trials * share) / np.sqrt(trials * share * (1 - share))
    freedom = len(events) - len(coefficients)
    dispersion = max(1.0, float((residuals**2).sum()) / max(freedom, 1))
    inside = xlogy(events, events / (trials * share)) + xlogy(rest, rest / (trials * (1 - share)))
    return Fit(
        coefficients=coefficients,
        errors=errors * np.sqrt(dispersion),
        residuals=residuals,
        deviance=float(2 * inside.sum()),
        dispersion=dispersion,
        freedom=freedom,
    )
