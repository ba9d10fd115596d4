import math
from collections.abc import Mapping

from mapper_svc.domain.vendor import Direction, ScoreRule

_ROUNDING = 1e-6
"""How far outside its range a score may lie and still be taken for the end of the range: float rounding."""


class ScoreOutOfRangeError(ValueError):
    """A score is not a finite number of the range that its direction allows."""


def risk_of_score(score: float, direction: Direction, maximum: float = 1.0) -> float:
    """Returns the risk in [0, 1] that a vendor's score stands for.

    risk: x; quality: 1 - x; signed: (x + 1) / 2; severity: x / maximum. A number beside an ENUM level is read
    as risk.

    Raises:
        ScoreOutOfRangeError: not finite, or outside [0, 1], [-1, 1] or [0, maximum] respectively.
    """
    low, high = _range(direction, maximum)
    if not math.isfinite(score) or not low - _ROUNDING <= score <= high + _ROUNDING:
        raise ScoreOutOfRangeError("a score is outside the vendor's range")
    inside = min(max(score, low), high)
    match direction:
        case Direction.QUALITY:
            return 1.0 - inside
        case Direction.SIGNED:
            return (inside + 1.0) / 2.0
        case Direction.SEVERITY:
            return inside / maximum
        case Direction.RISK | Direction.ENUM:
            return inside


def risk_of_level(level: str, table: Mapping[str, float]) -> float | None:
    """Returns the risk in [0, 1] of a named level, or None when the vendor's table does not know it."""
    return table.get(level.strip().upper())


def risk_of(score: float | None, level: str | float | None, rule: ScoreRule, direction: Direction) -> float:
    """Returns the risk in [0, 1] of a score, a level, or both.

    Where both are given the higher risk counts; where neither is, or the level is not in the vendor's table,
    the vendor's default does: a level nobody has heard of must not lower a risk.

    Raises:
        ScoreOutOfRangeError: the score, or a level given as number, is outside its range.
    """
    risks: list[float] = []
    if score is not None:
        risks.append(risk_of_score(score, direction, rule.maximum))
    if isinstance(level, str):
        known = risk_of_level(level, rule.table)
        risks.append(rule.default if known is None else known)
    elif level is not None:
        risks.append(risk_of_score(level, Direction.SEVERITY, rule.maximum))
    return max(risks, default=rule.default)


def _range(direction: Direction, maximum: float) -> tuple[float, float]:
    match direction:
        case Direction.SIGNED:
            return -1.0, 1.0
        case Direction.SEVERITY:
            return 0.0, maximum
        case Direction.RISK | Direction.QUALITY | Direction.ENUM:
            return 0.0, 1.0
