import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.domain.score import ScoreOutOfRangeError, risk_of, risk_of_level, risk_of_score
from mapper_svc.domain.vendor import Direction, ScoreRule

MAXIMUM = 7.0
RANGES = {
    Direction.RISK: (0.0, 1.0),
    Direction.QUALITY: (0.0, 1.0),
    Direction.SIGNED: (-1.0, 1.0),
    Direction.SEVERITY: (0.0, MAXIMUM),
    Direction.ENUM: (0.0, 1.0),
}
directions = st.sampled_from(list(Direction))


@st.composite
def scores(draw: st.DrawFn) -> tuple[Direction, float, float]:
    direction = draw(directions)
    low, high = RANGES[direction]
    inside = st.floats(low, high)
    return direction, draw(inside), draw(inside)


@given(scores())
def test_a_score_in_range_gives_a_risk_in_the_unit_interval(case: tuple[Direction, float, float]) -> None:
    direction, score, _ = case
    assert 0.0 <= risk_of_score(score, direction, MAXIMUM) <= 1.0


@given(scores())
def test_a_worse_score_never_gives_a_lower_risk(case: tuple[Direction, float, float]) -> None:
    direction, one, other = case
    low, high = sorted((one, other), reverse=direction is Direction.QUALITY)
    assert risk_of_score(low, direction, MAXIMUM) <= risk_of_score(high, direction, MAXIMUM)


@given(directions)
def test_the_ends_of_the_range_are_no_risk_and_full_risk(direction: Direction) -> None:
    low, high = RANGES[direction]
    ends = {risk_of_score(low, direction, MAXIMUM), risk_of_score(high, direction, MAXIMUM)}
    assert ends == {0.0, 1.0}


@given(directions, st.floats())
def test_a_score_outside_the_range_is_refused(direction: Direction, score: float) -> None:
    low, high = RANGES[direction]
    if math.isfinite(score) and low - 1e-6 <= score <= high + 1e-6:
        return
    with pytest.raises(ScoreOutOfRangeError):
        risk_of_score(score, direction, MAXIMUM)


def test_rounding_at_the_end_of_the_range_is_forgiven() -> None:
    assert risk_of_score(1.0000001, Direction.RISK) == 1.0


TABLE = {"LOW": 0.2, "MEDIUM": 0.6, "HIGH": 0.9}
RULE = ScoreRule(direction=Direction.ENUM, table=TABLE, maximum=MAXIMUM, default=0.8)


@given(st.sampled_from(sorted(TABLE)), st.sampled_from([str.lower, str.upper, lambda name: f" {name} "]))
def test_a_level_is_found_in_the_table_however_it_is_written(level: str, spelled: object) -> None:
    assert callable(spelled)
    assert risk_of_level(spelled(level), TABLE) == TABLE[level]


@given(
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.sampled_from([*TABLE, "EXTREME"]), st.floats(0, 7)),
)
def test_score_and_level_together_give_the_higher_risk(
    score: float | None, level: str | float | None
) -> None:
    risk = risk_of(score, level, RULE, Direction.RISK)
    assert 0.0 <= risk <= 1.0
    if score is not None:
        assert risk >= score
    if level == "EXTREME":
        assert risk >= RULE.default
    if score is None and level is None:
        assert risk == RULE.default
