import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.domain.coverage import required_set
from orchestration_svc.domain.policy import SLA_MS, Priority, budget_for

NAMES = st.lists(st.sampled_from("abcdefg"), max_size=7)


def test_share_of_the_required_that_succeeded() -> None:
    coverage = required_set(["a", "b", "c", "d"], {"a", "b", "c", "x"}, threshold=0.8)
    assert (coverage.achieved, coverage.missing, coverage.is_enough) == (0.75, ("d",), False)


def test_threshold_itself_is_enough() -> None:
    assert required_set("abcde", set("abcd"), threshold=0.8).is_enough


def test_nothing_required_is_covered_by_any_success_and_by_no_silence() -> None:
    assert required_set([], {"a"}, threshold=0.8).achieved == 1.0
    assert not required_set([], set(), threshold=0.8).is_enough


def test_naming_a_detector_twice_counts_it_once() -> None:
    coverage = required_set(["a", "a", "a", "b"], {"a"}, threshold=0.8)
    assert (coverage.required, coverage.achieved) == (("a", "b"), 0.5)


@given(required=NAMES, succeeded=NAMES, another=st.sampled_from("abcdefg"))
def test_another_success_never_lowers_coverage(
    required: list[str], succeeded: list[str], another: str
) -> None:
    before = required_set(required, set(succeeded), threshold=0.8)
    after = required_set(required, {*succeeded, another}, threshold=0.8)
    assert 0 <= before.achieved <= after.achieved <= 1
    assert set(after.missing) <= set(before.missing) <= set(required)


@given(required=NAMES.filter(bool), succeeded=NAMES)
def test_coverage_is_full_only_when_nothing_required_is_missing(
    required: list[str], succeeded: list[str]
) -> None:
    coverage = required_set(required, set(succeeded), threshold=1.0)
    assert coverage.is_enough == (not coverage.missing) == (set(required) <= set(succeeded))


@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize(("mapping", "analysis"), [(True, True), (True, False), (False, False)])
def test_shares_of_a_budget_fit_into_the_whole_and_leave_the_detectors_most(
    priority: Priority, *, mapping: bool, analysis: bool
) -> None:
    budget = budget_for(priority, mapping=mapping, analysis=analysis)
    total_s = SLA_MS[priority] / 1000
    assert budget.detectors_s + budget.mapper_s + budget.analysis_s < total_s
    assert budget.detectors_s >= total_s / 2
    assert (budget.mapper_s > 0, budget.analysis_s > 0) == (mapping, analysis)


def test_the_analysis_gets_of_what_is_left_and_never_less_than_its_share() -> None:
    budget = budget_for(Priority.NORMAL, mapping=True, analysis=True)
    assert [budget.analysis_after(spent_s) for spent_s in (0.1, 1.5, 1.9)] == [0.6, pytest.approx(0.4), 0.3]


def test_urgent_requests_have_less_time_and_patient_ones_more() -> None:
    shares = [budget_for(one, mapping=True, analysis=True).detectors_s for one in Priority]
    assert shares == pytest.approx([4.1, 1.1, 1.1, 0.5])
    assert budget_for(Priority.NORMAL, mapping=True, analysis=True).mapper_s == 0.5
