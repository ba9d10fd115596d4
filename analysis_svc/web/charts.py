"""Charts as numbers: where things stand in a drawing of 100 by 100, which a template turns into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from analysis_svc.domain.dashboard_views import RiskSlice, Stretch

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
    """One slice of time, drawn.

    Attributes:
        slice: what it shows; None where nothing was analysed.
        start: its beginning.
        whole: the full height, to point at.
        band: from low to high, None where nothing could be judged.
        mean: a flat box at the mean.
        worst: a flat box at the highest score.
        judged: how many could be judged, against the busiest slice.
        undetermined: how many could not, on top of these.
    """

    slice: RiskSlice | None
    start: datetime
    whole: Box
    band: Box | None
    mean: Box | None
    worst: Box | None
    judged: Box | None
    undetermined: Box | None


def risk_columns(stretch: Stretch, slices: Sequence[RiskSlice]) -> list[RiskColumn]:
    """Draw each slice of the stretch; one without analyses is a gap, not a zero."""
    known = {one.start: one for one in slices}
    starts = stretch.slices
    width = SIDE / len(starts)
    busiest = max((one.analyses for one in slices), default=1)
    return [
        _column(known.get(start), start, index * width, width, busiest) for index, start in enumerate(starts)
    ]


def _column(one: RiskSlice | None, start: datetime, left: float, width: float, busiest: int) -> RiskColumn:
    x, wide = left + width * _GAP / 2, width * (1 - _GAP)
    whole = Box(_short(left), 0, _short(width), SIDE)
    if one is None:
        return RiskColumn(None, start, whole, None, None, None, None, None)

    def level(value: float | None) -> Box | None:
        return None if value is None else Box(_short(x), _short(SIDE - value), _short(wide), 0)

    band = None
    if one.low is not None and one.high is not None:
        band = Box(_short(x), _short(SIDE - one.high), _short(wide), _short(max(one.high - one.low, 0.4)))
    judged = (one.analyses - one.undetermined) / busiest * SIDE
    open_ = one.undetermined / busiest * SIDE
    return RiskColumn(
        slice=one,
        start=start,
        whole=whole,
        band=band,
        mean=level(one.mean),
        worst=level(one.worst),
        judged=Box(_short(x), _short(SIDE - judged), _short(wide), _short(judged)) if judged else None,
        undetermined=(
            Box(_short(x), _short(SIDE - judged - open_), _short(wide), _short(open_)) if open_ else None
        ),
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
