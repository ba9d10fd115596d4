"""The plugins that come with the service: SARIF logs are read, far-fetched labels are doubted."""

import json
from typing import Any

import pytest

from mapper_svc.adapters.plugin_answers import check_with, read_with
from mapper_svc.adapters.plugins.sarif import SarifMapper
from mapper_svc.adapters.plugins.vendor_pillars import VendorPillarsValidator
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import Tier
from mapper_svc.domain.plugins import Action, MappedOutput, SeenFinding, SeenOutput

SNIPPET = "password = 'hunter2-secret'"


def run(*results: dict[str, Any], rules: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    driver = {"name": "semgrep", "rules": rules or []}
    return {"tool": {"driver": driver}, "results": list(results), **more}


def log(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [*runs]}


SQL: dict[str, Any] = {
    "id": "python.lang.sql-injection",
    "properties": {"tags": ["external/cwe/cwe-089", "HIGH CONFIDENCE"], "security-severity": "8.8"},
}
HARD_CODED = {"id": "hard-coded", "properties": {"tags": ["CWE-259: Use of Hard-coded Password"]}}


def hit(rule_id: str | None = None, **more: Any) -> dict[str, Any]:
    where = {"physicalLocation": {"region": {"snippet": {"text": SNIPPET}}}}
    named = {} if rule_id is None else {"ruleId": rule_id}
    return {**named, "message": {"text": SNIPPET}, "locations": [where], **more}


@pytest.fixture
def read(catalogue: Catalogue) -> Any:
    def reading(output: object) -> MappedOutput | None:
        seen = SeenOutput("semgrep", None, None, output)
        return read_with(SarifMapper(), [seen], catalogue.taxonomy)[0]

    return reading


def test_rule_is_labelled_by_the_weakness_that_it_names(read: Any) -> None:
    found = read(log(run(hit(SQL["id"]), hit("hard-coded", level="error"), rules=[SQL, HARD_CODED])))
    assert [(one.label, one.score) for one in found.labels] == [
        ("SECURITY.CodeInjection", 0.88),
        ("SECRET.Password", 0.9),
    ]
    assert not found.unread


def test_rule_without_a_known_weakness_is_left_to_the_tiers_by_its_id(read: Any) -> None:
    (one,) = read(log(run(hit("aws-access-token", level="note")))).labels
    assert (one.raw, one.label, one.score) == ("aws-access-token", None, 0.3)


def test_rule_is_found_by_its_index_too(read: Any) -> None:
    found = read(log(run(hit(ruleIndex=1), hit(rule={"index": 0}), rules=[SQL, HARD_CODED])))
    assert [one.raw for one in found.labels] == ["hard-coded", SQL["id"]]
    (lost,) = read(log(run(hit(ruleIndex=7)))).labels
    assert (lost.raw, lost.label) == ("rule without an id", None)


def test_log_without_results_is_clean_only_when_something_was_scanned(read: Any) -> None:
    assert read(log(run())) == MappedOutput(nothing_found=True)
    for unscanned in (
        log(),
        log({**run(), "results": None}),
        log(run(invocations=[{"executionSuccessful": False}])),
        log(run(), "broken"),  # type: ignore[arg-type]
        log({**run(), "results": "none"}),
    ):
        found = read(unscanned)
        assert found.unread, unscanned
        assert not found.nothing_found


def test_what_passed_or_was_suppressed_is_no_finding(read: Any) -> None:
    quiet = run(hit("a", kind="pass"), hit("b", suppressions=[{"kind": "inSource"}]))
    assert read(log(quiet)) == MappedOutput(nothing_found=True)
    loud = run(hit("a", kind="pass"), hit("b", kind="review"))
    assert [one.raw for one in read(log(loud)).labels] == ["b"]


def test_broken_run_hides_no_finding_of_another(read: Any) -> None:
    found = read(log(run(hit("kept")), {"results": [3]}))
    assert [one.raw for one in found.labels] == ["kept"]
    assert found.unread


def test_nothing_of_the_code_is_in_what_was_read(read: Any) -> None:
    assert "hunter2" not in repr(read(log(run(hit("x"), rules=[SQL]))))


@pytest.mark.parametrize(
    "output", [None, "text", [], {}, {"version": "1.0", "runs": []}, {"version": "2.1.0"}, {"runs": {}}]
)
def test_what_is_no_log_is_left_to_others(read: Any, output: object) -> None:
    assert read(output) is None


@pytest.mark.parametrize("severity", ["11", "-1", "high", "", None, True, "nan", "1e400"])
def test_severity_that_is_none_falls_back_on_the_level(read: Any, severity: object) -> None:
    rule = {"id": "r", "properties": {"security-severity": severity}}
    (one,) = read(json.loads(json.dumps(log(run(hit("r", level="warning"), rules=[rule]))))).labels
    assert one.score == 0.6


def finding(label: str, **changes: Any) -> SeenFinding:
    fields: dict[str, Any] = {
        "label": label,
        "severity": 0.5,
        "score": 0.9,
        "confidence": 0.8,
        "tier": Tier.MODEL,
        "detector": "presidio",
        "vendor": "presidio_analyzer",
        "vendor_pillars": frozenset({"PII"}),
        "raw": "X",
        "occurrences": 1,
    }
    return SeenFinding(**{**fields, **changes})


@pytest.mark.parametrize(
    ("seen", "action"),
    [
        (finding("HARM.WEAPONS.CBRN"), Action.VETO),
        (finding("HARM.WEAPONS.CBRN", tier=Tier.SEMANTIC), Action.VETO),
        (finding("HARM.WEAPONS.CBRN", confidence=0.97), Action.REVIEW),
        (finding("PII.Contact.Email"), None),
        (finding("HARM.WEAPONS.CBRN", tier=Tier.RULE), None),
        (finding("OTHER.Unknown", tier=Tier.FALLBACK), None),
        (finding("POLICY.CustomRule"), None),
        (finding("HARM.WEAPONS.CBRN", vendor=None, vendor_pillars=frozenset()), None),
        (finding("HARM.Other", vendor_pillars=frozenset({"PII", "SECRET", "IP"})), None),
    ],
)
def test_label_far_from_the_vendors_own_is_doubted(seen: SeenFinding, action: Action | None) -> None:
    (remarks,) = check_with(VendorPillarsValidator(), [[seen]])
    assert [one for _, one, _ in remarks] == ([] if action is None else [action])
