"""Risk over time, over the wire."""

from datetime import datetime

import msgspec

from analysis_svc.domain.insights.risk_history import History, RiskFigures
from analysis_svc.domain.models import Level


class RiskFiguresOut(msgspec.Struct, frozen=True):
    """What a group of analyses comes to.

    ``score``, ``low`` and ``high`` are means of the worst 5 %; they, ``mean``, ``worst`` and ``level`` are
    null where nothing was analysed, for nothing is known then. ``levels`` counts analyses by level;
    ``not_fully_looked`` those in which a detector that had to look did not.
    """

    analyses: int
    score: float | None
    low: float | None
    high: float | None
    level: Level | None
    mean: float | None
    worst: float | None
    levels: dict[str, int]
    not_fully_looked: int


class RiskPointOut(msgspec.Struct, frozen=True):
    """One bucket of time."""

    start: datetime
    risk: RiskFiguresOut


class ApplicationRiskOut(msgspec.Struct, frozen=True):
    """One application; null stands for analyses whose caller named none."""

    application: str | None
    risk: RiskFiguresOut


class RiskHistoryOut(msgspec.Struct, frozen=True):
    """Every bucket in order, the whole, and the riskiest applications first, 50 at most."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    bucket: str
    application: str | None
    points: list[RiskPointOut]
    total: RiskFiguresOut
    applications: list[ApplicationRiskOut]


def history_out(history: History) -> RiskHistoryOut:
    """Turn a history into its answer."""
    return RiskHistoryOut(
        start=history.span.start,
        end=history.span.end,
        bucket=history.bucket.value,
        application=history.span.application,
        points=[RiskPointOut(point.start, _figures(point.figures)) for point in history.points],
        total=_figures(history.total),
        applications=[
            ApplicationRiskOut(one.application, _figures(one.figures)) for one in history.applications
        ],
    )


def _figures(figures: RiskFigures) -> RiskFiguresOut:
    return RiskFiguresOut(
        analyses=figures.analyses,
        score=figures.score,
        low=figures.low,
        high=figures.high,
        level=figures.level,
        mean=figures.mean,
        worst=figures.worst,
        levels={level.value: count for level, count in figures.levels.items()},
        not_fully_looked=figures.not_fully_looked,
    )
