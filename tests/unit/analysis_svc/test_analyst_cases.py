"""Ninety cases as an analyst judges them: without a model at least 95 in 100 come out right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.models import Analysis, AnalysisRequest, Context, EvidenceState, Finding

FILE = Path(__file__).parents[2] / "data" / "analysis_svc" / "analyst_cases" / "findings.yaml"
LEAST_RIGHT = 0.95


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return read


def request_of(case: dict[str, Any]) -> AnalysisRequest:
    findings = tuple(
        Finding(id=f"f{index}", **{"score": 1.0, "confidence": 0.95, "detector": "d", **row})
        for index, row in enumerate(case["findings"], start=1)
    )
    context = Context(detectors_required=("d",), detectors_succeeded=("d",))
    frameworks = case.get("frameworks")
    return AnalysisRequest(findings, context, tuple(frameworks) if frameworks else None)


def judged_otherwise(case: dict[str, Any], answer: Analysis) -> list[str]:
    """What of the answer is not what the analyst expects."""
    named = {f"{entry.framework} {entry.control}" for entry in answer.compliance}
    violated = {
        f"{entry.framework} {entry.control}"
        for entry in answer.compliance
        if entry.evidence_state is EvidenceState.VIOLATED
    }
    cited = {
        f"{citation.source.removeprefix('catalogue:').partition('@')[0]} {citation.ref_id}"
        for citation in answer.citations
    }
    forbidden = set(case.get("must_not", ())) & (named | {entry.framework for entry in answer.compliance})
    wrong = [] if answer.risk.level == case["level"] else [f"level {answer.risk.level}"]
    wrong += [f"{one} is not named" for one in sorted(set(case.get("must", ())) - named)]
    wrong += [f"{one} is not cited" for one in sorted(set(case.get("cites", ())) - cited)]
    wrong += [f"{one} is named" for one in sorted(forbidden)]
    if "violated" in case:
        wrong += [f"{one} is not violated" for one in sorted(set(case["violated"]) - violated)]
        wrong += [] if case["violated"] else [f"{one} is violated" for one in sorted(violated)]
    return wrong


def test_cases_are_ninety_of_their_own_and_name_controls_that_exist(
    cases: list[dict[str, Any]], catalogue: Catalogue
) -> None:
    assert len({case["name"] for case in cases}) == len(cases) >= 90
    known = {f"{f.id} {control}" for f in catalogue.frameworks.values() for control in f.controls}
    for case in cases:
        named = {*case.get("must", ()), *case.get("cites", ()), *case.get("violated", ())}
        assert named <= known, case["name"]
        assert set(case.get("frameworks", ())) <= catalogue.frameworks.keys(), case["name"]


def test_at_least_ninety_five_in_a_hundred_cases_come_out_right_without_a_model(
    cases: list[dict[str, Any]], run: Callable[[AnalysisRequest], Analysis]
) -> None:
    wrong = {case["name"]: judged_otherwise(case, run(request_of(case))) for case in cases}
    wrong = {name: faults for name, faults in wrong.items() if faults}
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(cases), wrong


def test_every_quote_stands_word_for_word_in_its_source(
    cases: list[dict[str, Any]], run: Callable[[AnalysisRequest], Analysis], catalogue: Catalogue
) -> None:
    quotes = 0
    for case in cases:
        for citation in run(request_of(case)).citations:
            framework = citation.source.removeprefix("catalogue:").partition("@")[0]
            statement = catalogue.frameworks[framework].controls[citation.ref_id].statement
            assert citation.quote in statement
            quotes += 1
    assert quotes > len(cases)
