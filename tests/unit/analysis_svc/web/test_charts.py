"""Charts say what the numbers say: a gap is no zero, and what was not judged is no low risk."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.dashboard_views import RiskSlice, Stretch
from analysis_svc.web.charts import SIDE, heat, risk_columns, stacked

START = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
STRETCH = Stretch(START, START + 3 * DAY, DAY)


def risk(day: int, analyses: int, undetermined: int, mean: float | None) -> RiskSlice:
    none = mean is None
    return RiskSlice(
        START + day * DAY,
        analyses,
        undetermined,
        0,
        mean,
        None if none else mean,
        None if none else 90.0,
        mean,
    )


def test_time_without_analyses_is_a_gap() -> None:
    columns = risk_columns(STRETCH, [risk(0, 4, 0, 10.0), risk(2, 2, 0, 20.0)])
    assert [column.slice is None for column in columns] == [False, True, False]
    assert columns[1].mean is columns[1].judged is columns[1].undetermined is None


def test_what_could_not_be_judged_has_no_score_in_the_drawing() -> None:
    (column, *_) = risk_columns(STRETCH, [risk(0, 4, 4, None)])
    assert column.mean is column.band is column.worst is column.judged is None
    assert column.undetermined is not None
    assert column.undetermined.height == SIDE


def test_higher_risk_stands_higher() -> None:
    low, high, _ = risk_columns(STRETCH, [risk(0, 4, 0, 10.0), risk(1, 4, 0, 80.0)])
    assert low.mean
    assert high.mean
    assert high.mean.y < low.mean.y


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
