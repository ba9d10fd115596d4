"""A text passes redacted only when everything that has to go could be found in it."""

from dataclasses import replace

import pytest

from orchestration_svc.domain.detection import DetectorResult, DetectorStatus, JsonValue
from orchestration_svc.domain.downstream import MappedFinding, MapperAnswer
from orchestration_svc.domain.policy_conflicts import Resolution, ResolvedFinding
from orchestration_svc.domain.policy_decision import Action, Decision, Violation
from orchestration_svc.domain.redact import Redacted, Style
from orchestration_svc.domain.redact_findings import redact_findings

TEXT = "to eve@x.org, key hunter2"
MAIL, KEY = "PII.Contact.Email", "SECRET.Password"
PLACED: JsonValue = [
    {"entity_type": "EMAIL", "start": 3, "end": 12},
    {"entity_type": "KEY", "start": 18, "end": 25},
]
FOUND = [(MAIL, "EMAIL"), (KEY, "KEY")]


def made(
    *prefixes: str,
    output: JsonValue = PLACED,
    found: list[tuple[str, str]] = FOUND,
    counted: tuple[str, ...] = (MAIL, KEY, "OTHER.Unknown", "OTHER.Safe"),
    action: Action = Action.REDACT,
    style: Style = Style.PLACEHOLDER,
    mapped: bool = True,
) -> tuple[Decision, Redacted | None]:
    resolution = Resolution(tuple(ResolvedFinding(label, 0.9, 1.0, ("d",), 1) for label in counted))
    decision = Decision(action, ("found",), prefixes, (), (), Violation.FINDING, resolution)
    findings = tuple(MappedFinding(label, 0.9, 1.0, "d", "rule", 1, raw) for label, raw in found)
    mapping = MapperAnswer(findings, {}, fallback_used=False) if mapped else None
    results = [DetectorResult("d", "v", "1", DetectorStatus.SUCCESS, output)]
    return redact_findings(TEXT, decision, results, mapping, style)


def text_of(answer: tuple[Decision, Redacted | None]) -> str:
    decision, redacted = answer
    assert decision.action is Action.REDACT
    assert redacted is not None
    return redacted.text


def test_policy_names_what_is_taken_out() -> None:
    assert text_of(made("PII")) == "to [EMAIL_1], key hunter2"
    assert text_of(made("PII", "SECRET")) == "to [EMAIL_1], key [KEY_1]"
    assert text_of(made("PI")) == TEXT, "a prefix ends where a name does"


def test_policy_that_names_nothing_means_all() -> None:
    assert text_of(made()) == "to [EMAIL_1], key [KEY_1]"


def test_tenant_chooses_what_stands_there() -> None:
    assert text_of(made(style=Style.MASK)) == "to *********, key *******"


def test_finding_that_does_not_count_stays() -> None:
    assert text_of(made(counted=(MAIL,))) == "to [EMAIL_1], key hunter2"


@pytest.mark.parametrize("label", ["OTHER.Safe", "OTHER.Unknown"])
def test_what_is_no_finding_needs_no_place(label: str) -> None:
    assert text_of(made(found=[*FOUND, (label, "whatever")])) == "to [EMAIL_1], key [KEY_1]"


@pytest.mark.parametrize(
    "output",
    [
        [{"entity_type": "EMAIL"}, {"entity_type": "KEY", "start": 18, "end": 25}],
        [{"entity_type": "EMAIL", "start": 3, "end": 99}, {"entity_type": "KEY", "start": 18, "end": 25}],
        {"label": "EMAIL"},
        [],
    ],
)
def test_finding_without_a_place_blocks_the_text_and_says_why(output: JsonValue) -> None:
    decision, redacted = made(output=output)
    assert (decision.action, redacted) == (Action.BLOCK, None)
    assert decision.reasons[0] == "found"
    assert MAIL in decision.reasons[-1]


def test_without_mapping_nothing_passes() -> None:
    decision, redacted = made(mapped=False)
    assert (decision.action, redacted) == (Action.BLOCK, None)
    assert "not mapped" in decision.reasons[-1]


@pytest.mark.parametrize("action", [Action.ALLOW, Action.FLAG, Action.BLOCK])
def test_other_actions_are_left_as_they_are(action: Action) -> None:
    decision, redacted = made(action=action)
    assert (replace(decision, resolution=Resolution(())).action, decision.reasons, redacted) == (
        action,
        ("found",),
        None,
    )
