"""Quality over the wire."""

from datetime import datetime

import msgspec

from analysis_svc.domain.insights.quality import KeptEvaluation, QualityReport
from analysis_svc.domain.insights.quality_alerts import Severity


class RateOut(msgspec.Struct, frozen=True):
    """A share of ``n``, with its 95 % interval (Wilson)."""

    value: float
    low: float
    high: float
    n: int


class CalibrationBinOut(msgspec.Struct, frozen=True):
    """Findings of one range of confidence: the mean confidence, and the share that people confirmed."""

    low: float
    high: float
    words: int
    confidence: float
    confirmed: float


class CalibrationOut(msgspec.Struct, frozen=True):
    """Expected calibration error over ``n`` words."""

    ece: float
    n: int
    bins: list[CalibrationBinOut]


class DriftOut(msgspec.Struct, frozen=True):
    """How far a distribution moved from the span before; ``by_chance`` is what ``psi`` comes to by chance."""

    psi: float
    js: float
    by_chance: float
    n_before: int
    n_now: int


class QualityAlertOut(msgspec.Struct, frozen=True):
    """One figure beyond its limit."""

    figure: str
    subject: str
    severity: Severity
    value: float
    limit: float


class QualityOut(msgspec.Struct, frozen=True):
    """The quality of a span; a figure is null where there is too little to say."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    application: str | None
    findings: int
    words: dict[str, int]
    agreement: RateOut | None
    agreement_by_label: dict[str, RateOut]
    agreement_by_detector: dict[str, RateOut]
    people_agree: RateOut | None
    calibration: CalibrationOut | None
    label_drift: DriftOut | None
    confidence_drift: DriftOut | None
    fallback: RateOut | None
    readable: RateOut | None
    unknown: RateOut | None
    safe: RateOut | None
    alerts: list[QualityAlertOut]


class QualityEvaluationOut(msgspec.Struct, frozen=True):
    """The quality of a week, as the schedule found it then."""

    evaluated_at: datetime
    quality: QualityOut


class QualityEvaluationPage(msgspec.Struct, frozen=True):
    """Weekly evaluations, the newest first; ``before`` asks for the next page, null at the end."""

    items: list[QualityEvaluationOut]
    before: datetime | None


def evaluation_out(kept: KeptEvaluation) -> QualityEvaluationOut:
    """Turn an evaluation into its answer."""
    return QualityEvaluationOut(kept.evaluated_at, quality_out(kept.report))


def quality_out(report: QualityReport) -> QualityOut:
    """Turn a report into its answer."""
    return msgspec.convert(
        {
            **{name: getattr(report.figures, name) for name in report.figures.__dataclass_fields__},
            "words": {word.value: count for word, count in report.figures.words.items()},
            "from": report.span.start,
            "to": report.span.end,
            "application": report.span.application,
            "alerts": report.alerts,
        },
        QualityOut,
        from_attributes=True,
    )
