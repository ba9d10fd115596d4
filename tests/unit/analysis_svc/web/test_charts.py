"""Charts say what the numbers say: a gap is no zero, and what was not judged is no low risk."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.insights.risk_history import NOTHING, RiskFigures, RiskPoint
from analysis_svc.domain.models import Level
from analysis_svc.web.charts import SIDE, heat, risk_columns, stacked

START = datetime(2026, 11, 1, tzinfo=UTC)
QUIET = RiskPoint(START, NOTHING)


def risk(analyses: int, undetermined: int, score: float) -> RiskPoint:
    levels = {Level.UNDETERMINED: undetermined, Level.LOW: analyses - undetermined}
    return RiskPoint(START, RiskFigures(analyses, score, score, 90.0, score, score, levels, undetermined))


def test_time_without_analyses_is_a_gap() -> None:
    _, column, _ = risk_columns([risk(4, 0, 10.0), QUIET, risk(2, 0, 20.0)])
    drawn = (column.band, column.score, column.worst, column.judged_box, column.undetermined_box)
    assert drawn == (None,) * 5


def test_what_could_not_be_judged_has_no_score_in_the_drawing() -> None:
    (column,) = risk_columns([risk(4, 4, 0.0)])
    assert column.score is column.band is column.worst is column.judged_box is None
    assert column.undetermined_box is not None
    assert column.undetermined_box.height == SIDE


def test_higher_risk_stands_higher() -> None:
    low, high = risk_columns([risk(4, 0, 10.0), risk(4, 1, 80.0)])
    assert low.score
    assert high.score
    assert high.score.y < low.score.y


def test_nothing_at_all_is_drawn_without_a_fault() -> None:
    assert risk_columns([]) == []
    assert risk_columns([QUIET])[0].score is None


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_parts_of_a_whole_fill_it_and_none_that_is_there_vanishes(counts: list[int]) -> None:
    placed = stacked([(str(index), count) for index, count in enumerate(counts)])
    assert [count for _, count, _ in placed] == [count for count in counts if count]
    if placed:
        assert abs(sum(box.width for _, _, box in placed) - SIDE) < 0.1
        assert min(box.width for _, _, box in placed) > 0.5


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_shade_is_none_only_for_none(count: int, most: int) -> None:
    shade = heat(min(count, most), most)
    assert (shade == 0) == (count == 0)
    assert shade <= 5
