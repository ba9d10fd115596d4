"""Charts as numbers: where things stand in a drawing of 100 by 100, which a template turns into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analysis_svc.domain.insights.risk_history import RiskFigures, RiskPoint
from analysis_svc.domain.models import Level

SIDE = 100.0
_GAP = 0.16
"""Share of a column that stays empty, so that neighbours are told apart."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; x and y of its upper left corner, y downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class RiskColumn:
    """One bucket of time, drawn.

    Attributes:
        start: its beginning.
        figures: what it shows.
        judged: how many could be judged.
        undetermined: how many could not.
        whole: the full height, to point at.
        band: from low to high; None where nothing could be judged.
        score: a flat box at the score.
        worst: a flat box at the highest score.
        judged_box: those judged, against the busiest bucket.
        undetermined_box: those that were not, on top of these.
    """

    start: datetime
    figures: RiskFigures
    judged: int
    undetermined: int
    whole: Box
    band: Box | None
    score: Box | None
    worst: Box | None
    judged_box: Box | None
    undetermined_box: Box | None


def risk_columns(points: Sequence[RiskPoint]) -> list[RiskColumn]:
    """Draw each bucket; one without analyses is a gap, not a zero, and so is one that cannot be judged."""
    width = SIDE / max(len(points), 1)
    busiest = max((point.figures.analyses for point in points), default=0) or 1
    return [_column(point, index * width, width, busiest) for index, point in enumerate(points)]


def _column(point: RiskPoint, left: float, width: float, busiest: int) -> RiskColumn:
    figures = point.figures
    x, wide = _short(left + width * _GAP / 2), _short(width * (1 - _GAP))
    undetermined = figures.levels.get(Level.UNDETERMINED, 0)
    judged = figures.analyses - undetermined

    def line(value: float | None) -> Box | None:
        return None if value is None or not judged else Box(x, _short(SIDE - value), wide, 0)

    def bar(count: int, below: int) -> Box | None:
        height, foot = count / busiest * SIDE, below / busiest * SIDE
        return Box(x, _short(SIDE - foot - height), wide, _short(height)) if count else None

    band = None
    if judged and figures.low is not None and figures.high is not None:
        band = Box(x, _short(SIDE - figures.high), wide, _short(max(figures.high - figures.low, 0.4)))
    return RiskColumn(
        start=point.start,
        figures=figures,
        judged=judged,
        undetermined=undetermined,
        whole=Box(_short(left), 0, _short(width), SIDE),
        band=band,
        score=line(figures.score),
        worst=line(figures.worst),
        judged_box=bar(judged, 0),
        undetermined_box=bar(undetermined, judged),
    )


def stacked(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int, Box]]:
    """Lay parts of a whole side by side; a part that is there at all is seen."""
    present = [(name, count) for name, count in counts if count]
    total = sum(count for _, count in present)
    shares = [max(count / total, 0.006) for _, count in present]
    left, placed = 0.0, []
    for (name, count), share in zip(present, shares, strict=True):
        width = share / sum(shares) * SIDE
        placed.append((name, count, Box(_short(left), 0, _short(width), SIDE)))
        left += width
    return placed


def heat(count: int, most: int) -> int:
    """Return the shade of a count, 0 for none and 1 to 5 by its share of the highest."""
    return 0 if not count else max(1, -(-count * 5 // most))


def _short(value: float) -> float:
    return round(value, 3)
