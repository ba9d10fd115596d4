"""Hand-written cases: findings and context, and what an analyst expects of the answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.models import (
    Analysis,
    AnalysisRequest,
    Context,
    DetectorFailure,
    Direction,
    EvidenceState,
    Finding,
)

CASES_FILE = Path(__file__).parents[2] / "data" / "analysis_svc" / "cases.yaml"
CASES: list[dict[str, Any]] = yaml.safe_load(CASES_FILE.read_text(encoding="utf-8"))


def request_of(case: dict[str, Any]) -> AnalysisRequest:
    findings = tuple(
        Finding(id=f"f{index}", **{"score": 1.0, "confidence": 0.95, "detector": "d", **row})
        for index, row in enumerate(case["findings"], start=1)
    )
    given = case.get("context", {"detectors_required": ["d"], "detectors_succeeded": ["d"]})
    direction = given.get("direction")
    context = Context(
        direction=Direction(direction) if direction else None,
        detectors_required=tuple(given.get("detectors_required", ())),
        detectors_succeeded=tuple(given.get("detectors_succeeded", ())),
        detectors_failed=tuple(DetectorFailure(**row) for row in given.get("detectors_failed", ())),
        coverage=given.get("coverage"),
    )
    frameworks = case.get("frameworks")
    return AnalysisRequest(findings, context, tuple(frameworks) if frameworks else None)


def test_there_are_enough_cases_with_names_of_their_own() -> None:
    assert len(CASES) >= 40
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"].replace(" ", "-"))
def test_case(case: dict[str, Any], run: Callable[[AnalysisRequest], Analysis], catalogue: Catalogue) -> None:
    known = {f"{f.id} {control}" for f in catalogue.frameworks.values() for control in f.controls}
    known |= catalogue.frameworks.keys()
    assert set(case.get("must", ())) <= known, "the case names a control that is not in the catalogue"
    assert set(case.get("violated") or ()) <= known

    answer = run(request_of(case))
    named = {f"{entry.framework} {entry.control}" for entry in answer.compliance}
    named |= {entry.framework for entry in answer.compliance}
    violated = {
        f"{entry.framework} {entry.control}"
        for entry in answer.compliance
        if entry.evidence_state is EvidenceState.VIOLATED
    }
    assert answer.risk.level == case["level"], answer.risk
    assert set(case.get("must", ())) - named == set()
    assert set(case.get("must_not", ())) & named == set()
    if "violated" in case:
        assert set(case["violated"]) - violated == set()
        assert case["violated"] or not violated
    if "patterns" in case:
        seen = {pattern.id for pattern in answer.patterns}
        assert set(case["patterns"]) <= seen
        assert case["patterns"] or not seen
    for words in case.get("says", ()):
        assert words in answer.explanation
