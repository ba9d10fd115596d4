"""Which figures call for somebody.

A share alerts when the whole of its interval is on the wrong side of its limit, so that a few unlucky
findings do not. The limits of drift are the customary ones of the population stability index (0.1 and 0.25),
beyond chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from analysis_svc.domain.insights.quality_figures import Drift, QualityFigures, Rate

LEAST_AGREEMENT = 0.9
MOST_ECE = 0.1
MOST_DRIFT = 0.25
NOTABLE_DRIFT = 0.1
MOST_FALLBACK = 0.2
LEAST_READABLE = 0.99


class Severity(StrEnum):
    """How much an alert presses."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    """One figure beyond its limit; `subject` is empty where it is about all findings."""

    figure: str
    subject: str
    severity: Severity
    value: float
    limit: float


def alerts_of(figures: QualityFigures) -> tuple[Alert, ...]:
    """Return the alerts of a span, in the order of the figures."""
    return tuple(_all(figures))


def _all(figures: QualityFigures) -> Iterator[Alert]:
    yield from _below("agreement", "", figures.agreement, LEAST_AGREEMENT)
    for kind, rates in (
        ("agreement_by_label", figures.agreement_by_label),
        ("agreement_by_detector", figures.agreement_by_detector),
    ):
        for name, rate in rates.items():
            yield from _below(kind, name, rate, LEAST_AGREEMENT)
    if figures.calibration and figures.calibration.ece > MOST_ECE:
        yield Alert("calibration", "", Severity.WARNING, figures.calibration.ece, MOST_ECE)
    yield from _moved("label_drift", figures.label_drift)
    yield from _moved("confidence_drift", figures.confidence_drift)
    if figures.fallback and figures.fallback.low > MOST_FALLBACK:
        yield Alert("fallback", "", Severity.WARNING, figures.fallback.value, MOST_FALLBACK)
    yield from _below("readable", "", figures.readable, LEAST_READABLE, Severity.CRITICAL)


def _below(
    figure: str, subject: str, rate: Rate | None, limit: float, severity: Severity = Severity.WARNING
) -> Iterator[Alert]:
    if rate is not None and rate.high < limit:
        yield Alert(figure, subject, severity, rate.value, limit)


def _moved(figure: str, drift: Drift | None) -> Iterator[Alert]:
    if drift is None:
        return
    beyond = drift.psi - drift.by_chance
    if beyond > MOST_DRIFT:
        yield Alert(figure, "", Severity.CRITICAL, drift.psi, MOST_DRIFT)
    elif beyond > NOTABLE_DRIFT:
        yield Alert(figure, "", Severity.WARNING, drift.psi, NOTABLE_DRIFT)
