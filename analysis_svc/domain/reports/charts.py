"""The charts of a report, drawn from its facts; what is not known is hatched, never drawn as nothing."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import TypeAlias

from analysis_svc.domain.models import EvidenceState, Level
from analysis_svc.domain.reports import svg
from analysis_svc.domain.reports.content import DetectorFacts, LabelFacts, RiskPoint
from analysis_svc.domain.score_risk import LEVEL_FLOORS

STATE_COLOURS = {
    EvidenceState.SATISFIED: "#1f7a5a",
    EvidenceState.VIOLATED: "#b3261e",
    EvidenceState.INSUFFICIENT: "",
}
# From calm to alarming; the last, which is no statement, is hatched.
LEVEL_COLOURS = {
    Level.NONE: "#cfd8e3",
    Level.LOW: "#8fb4dc",
    Level.MEDIUM: "#e6b450",
    Level.HIGH: "#d9692f",
    Level.CRITICAL: "#a3191b",
    Level.UNDETERMINED: "",
}
_WIDTH = 720.0
_LEFT, _RIGHT, _TOP = 38.0, 12.0, 12.0
_MOST_TICKS = 8
Scale: TypeAlias = Callable[[float], float]


def risk_over_time(points: Sequence[RiskPoint], bucket: str) -> str:
    """Draw the score with its interval over the period."""
    height, bottom = 230.0, 48.0
    plot = height - _TOP - bottom
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(points), 1)

    def across(index: float) -> float:
        return _LEFT + (index + 0.5) * step

    def up(score: float) -> float:
        return _TOP + plot * (1 - score / 100)

    parts = []
    parts += _unknown(points, step, plot)
    for score in (0, *sorted(floor for floor, _ in LEVEL_FLOORS if floor), 100):
        parts += [
            svg.line(_LEFT, up(score), _WIDTH - _RIGHT, up(score)),
            svg.text(_LEFT - 6, up(score) + 3.5, f"{score:g}", anchor="end", fill=svg.FAINT),
        ]
    for known, run in groupby(enumerate(points), key=lambda one: one[1].score is not None):
        if known:
            parts += _stretch([(across(i), point) for i, point in run], up, step)
    parts += _ticks(points, across, height - bottom + 16)
    legend = height - 10
    parts += [
        svg.line(_LEFT, legend - 4, _LEFT + 18, legend - 4, stroke=svg.ACCENT, width=2),
        svg.text(_LEFT + 24, legend, f"risk score of the {bucket}"),
        svg.box(_LEFT + 158, legend - 9, 18, 10, svg.BAND),
        svg.text(_LEFT + 182, legend, "its interval"),
        svg.hatched(_LEFT + 264, legend - 9, 18, 10),
        svg.text(_LEFT + 288, legend, "nothing was analysed"),
    ]
    return svg.drawing(_WIDTH, height, parts)


def _stretch(run: list[tuple[float, RiskPoint]], up: Scale, step: float) -> list[str]:
    """Draw points that follow each other; a lone one gets a band as wide as its time."""
    if len(run) == 1:
        (x, only), half = run[0], min(step / 2, 6.0)
        edges = [(x - half, only), (x + half, only)]
    else:
        edges = run
    upper = [(x, up(point.high or 0.0)) for x, point in edges]
    lower = [(x, up(point.low or 0.0)) for x, point in reversed(edges)]
    line = [(x, up(point.score or 0.0)) for x, point in edges]
    parts = [svg.polygon([*upper, *lower], svg.BAND), svg.polyline(line, stroke=svg.ACCENT)]
    return [*parts, *(svg.dot(x, up(point.score or 0.0), 2.2, svg.ACCENT) for x, point in run)]


def _unknown(points: Sequence[RiskPoint], step: float, plot: float) -> list[str]:
    """Draw where nothing was analysed; days that follow each other are one area."""
    parts, x = [], _LEFT
    for empty, run in groupby(points, key=lambda point: not point.analyses):
        wide = step * sum(1 for _ in run)
        if empty:
            parts.append(svg.hatched(x, _TOP, wide, plot))
        x += wide
    return parts


def _ticks(points: Sequence[RiskPoint], across: Scale, y: float) -> list[str]:
    every = max(1, -(-len(points) // _MOST_TICKS))
    return [
        svg.text(across(index), y, f"{point.start:%d %b}".lstrip("0"), anchor="middle", fill=svg.FAINT)
        for index, point in enumerate(points)
        if index % every == 0
    ]


def levels_over_time(points: Sequence[RiskPoint]) -> str:
    """Draw how many analyses had which level, day by day or week by week."""
    height, bottom = 210.0, 48.0
    plot = height - _TOP - bottom
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(points), 1)
    top = _round_up(max((point.analyses for point in points), default=0))
    parts = []
    for share in (0, 0.5, 1):
        y = _TOP + plot * (1 - share)
        parts += [
            svg.line(_LEFT, y, _WIDTH - _RIGHT, y),
            svg.text(_LEFT - 6, y + 3.5, short_count(top * share), anchor="end", fill=svg.FAINT),
        ]
    parts += _unknown(points, step, plot)
    gap = min(3.0, step * 0.15)
    for index, point in enumerate(points):
        y = _TOP + plot
        for level, colour in LEVEL_COLOURS.items():
            tall = plot * point.levels.get(level.value, 0) / top
            if tall > 0:
                y -= tall
                parts.append(_area(_LEFT + index * step + gap, y, step - 2 * gap, tall, colour))
    parts += _ticks(points, lambda index: _LEFT + (index + 0.5) * step, height - bottom + 16)
    x = _LEFT
    for level, colour in LEVEL_COLOURS.items():
        parts += [_area(x, height - 19, 12, 10, colour), svg.text(x + 17, height - 10, level.value)]
        x += 108 if level is Level.CRITICAL else 92
    return svg.drawing(_WIDTH, height, parts)


def control_states(counts: Mapping[EvidenceState, int]) -> str:
    """Draw how many controls are in which state, as one bar."""
    height, wide = 62.0, _WIDTH - 2 * _RIGHT
    whole = sum(counts.values())
    parts, x, legend = [], _RIGHT, _RIGHT
    for state, colour in STATE_COLOURS.items():
        count = counts.get(state, 0)
        if count:
            width = wide * count / whole
            parts.append(_area(x, 6, width, 22, colour))
            x += width
        parts += [
            _area(legend, 42, 12, 10, colour),
            svg.text(legend + 17, 51, f"{state.value}: {count:,}", size=12),
        ]
        legend += 150
    if not whole:
        parts.append(svg.hatched(_RIGHT, 6, wide, 22))
    return svg.drawing(_WIDTH, height, parts)


def labels_found(labels: Sequence[LabelFacts]) -> str:
    """Draw how often each label was found, the most frequent first."""
    row, left, right = 21.0, 240.0, 70.0
    most = max((one.occurrences for one in labels), default=1)
    parts = []
    for index, one in enumerate(labels):
        y = 4 + index * row
        wide = max((_WIDTH - left - right) * one.occurrences / most, 1.0)
        parts += [
            svg.text(left - 8, y + 13, shortened(one.label, 40), anchor="end"),
            svg.box(left, y + 3, wide, 13, svg.ACCENT),
            svg.text(left + wide + 6, y + 13, f"{one.occurrences:,}", fill=svg.FAINT),
        ]
    return svg.drawing(_WIDTH, 8 + row * max(len(labels), 1), parts)


def detectors_looked(detectors: Sequence[DetectorFacts]) -> str:
    """Draw in how many of the analyses that needed it each detector looked; the rest is hatched."""
    row, left, right = 21.0, 240.0, 110.0
    wide = _WIDTH - left - right
    parts = []
    for index, one in enumerate(detectors):
        y = 4 + index * row
        parts += [
            svg.text(left - 8, y + 13, shortened(one.detector, 40), anchor="end"),
            svg.hatched(left, y + 3, wide, 13),
            svg.box(left, y + 3, wide * (one.looked or 0.0), 13, STATE_COLOURS[EvidenceState.SATISFIED]),
            svg.text(left + wide + 6, y + 13, percent(one.looked), fill=svg.FAINT),
        ]
    return svg.drawing(_WIDTH, 8 + row * max(len(detectors), 1), parts)


def percent(share: float | None) -> str:
    """Return a share in words: never 100 % for less than all, never 0 % for more than nothing."""
    if share is None:
        return "not known"
    shown, whole = round(100 * share, 1), 100
    if shown >= whole and share < 1:
        return "over 99.9 %"
    if shown <= 0 and share > 0:
        return "under 0.1 %"
    return f"{shown:g} %"


def short_count(count: float) -> str:
    """Return a count for an axis: 950, 1.5 k, 20 k, 3 M."""
    for size, unit in ((1_000_000, " M"), (1_000, " k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:g}"


def shortened(words: str, most: int) -> str:
    """Return words cut to a length, with an ellipsis where something is left out."""
    return words if len(words) <= most else words[: most - 1] + "…"


def _area(x: float, y: float, width: float, height: float, colour: str) -> str:
    return svg.box(x, y, width, height, colour) if colour else svg.hatched(x, y, width, height)


def _round_up(most: int) -> int:
    """Return a round number that is at least this, and even so that its half is one too."""
    size = 2
    while True:
        for factor in (1, 2, 3, 5):
            if size * factor >= most:
                return size * factor
        size *= 10
