"""Crosswalks: read from both ends, never within one framework, never by number alone."""

import pytest

from analysis_svc.domain.catalogue import Catalogue, Overlap
from analysis_svc.domain.crosswalk import crosswalk
from analysis_svc.domain.errors import ErrorCode, ServiceError


def test_tie_reads_the_same_from_both_ends(catalogue: Catalogue) -> None:
    (there,) = [
        tie
        for tie in crosswalk(catalogue, "nist-csf", "nist-800-53")
        if (tie.source.id, tie.target.id) == ("PR.DS-01", "SC-28")
    ]
    (back,) = [
        tie
        for tie in crosswalk(catalogue, "nist-800-53", "nist-csf")
        if (tie.source.id, tie.target.id) == ("SC-28", "PR.DS-01")
    ]
    assert (there.overlap, back.overlap) == (Overlap.SUPERSET, Overlap.SUBSET)
    assert there.rationale == back.rationale


def test_every_framework_is_tied_to_another(catalogue: Catalogue) -> None:
    for framework in catalogue.frameworks:
        ties = crosswalk(catalogue, framework)
        assert ties, framework
        assert all(tie.source.framework == framework != tie.target.framework for tie in ties)


def test_risks_of_owasp_are_carried_over_by_meaning_and_not_by_number(catalogue: Catalogue) -> None:
    ties = {tie.source.id: tie.target.id for tie in crosswalk(catalogue, "owasp-llm-2025", "owasp-llm-2026")}
    assert len(ties) == 10
    assert ties["LLM06:2025"] == "LLM03:2026"
    for tie in crosswalk(catalogue, "owasp-llm-2025", "owasp-llm-2026"):
        if tie.overlap is Overlap.EQUAL:
            assert tie.source.title == tie.target.title


def test_nothing_of_the_prohibited_practices_is_tied_to_anything(catalogue: Catalogue) -> None:
    assert not [tie for tie in crosswalk(catalogue, "eu-ai-act") if tie.source.id.startswith("Art. 5(")]


@pytest.mark.parametrize(
    ("framework", "to", "code"),
    [("soc3", None, ErrorCode.NOT_FOUND), ("soc2", "soc3", ErrorCode.INVALID_REQUEST)],
)
def test_unknown_framework_is_named(
    catalogue: Catalogue, framework: str, to: str | None, code: ErrorCode
) -> None:
    with pytest.raises(ServiceError) as caught:
        crosswalk(catalogue, framework, to)
    assert (caught.value.code, caught.value.field) == (code, "to" if to else "framework")
