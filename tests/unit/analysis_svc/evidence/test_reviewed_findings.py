"""What a review takes away of what an analysis was answered with."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Relation
from analysis_svc.domain.reviewed_findings import ReviewedAnalysis, still_violated, what_breaks

BREAKS = {"A": {"iso 1", "iso 2"}, "B": {"iso 2"}, "C": {"soc 9"}}


@pytest.mark.parametrize(
    ("violated", "gone", "strong", "left"),
    [
        pytest.param(["iso 1", "iso 2"], ["A"], [], [], id="all of it was a false alarm"),
        pytest.param(["iso 1", "iso 2"], ["A"], ["B"], ["iso 2"], id="another finding breaks one as well"),
        pytest.param(["iso 1", "iso 2"], ["A"], ["A"], ["iso 1", "iso 2"], id="another of the same label"),
        pytest.param(["iso 1", "soc 9"], ["A"], [], ["soc 9"], id="what it did not break stays"),
        pytest.param(["old 3"], ["A", "B", "C"], [], ["old 3"], id="what the catalogue does not know stays"),
        pytest.param(["iso 2"], ["Z"], [], ["iso 2"], id="a label that the catalogue does not know"),
    ],
)
def test_violation_goes_only_with_all_that_can_have_broken_the_control(
    violated: list[str], gone: list[str], strong: list[str], left: list[str]
) -> None:
    one = ReviewedAnalysis(UUID(int=1), datetime.now(UTC), violated, gone, strong)
    assert still_violated(one, BREAKS) == left


def test_only_direct_ties_to_what_one_request_can_break_count(catalogue: Catalogue) -> None:
    breaks = what_breaks(catalogue)
    assert "iso27001 A.5.17" in breaks["SECRET.ApiKey"]
    for label, controls in breaks.items():
        direct = {
            f"{link.control.framework} {link.control.id}"
            for link in catalogue.links[label]
            if link.relation is Relation.DIRECT and link.control.judged_on is JudgedOn.REQUEST
        }
        assert controls == direct
