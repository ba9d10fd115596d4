"""A verdict says what was found and where, and never calls clean what nobody understood."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from orchestration_svc.api.compat_context import fails_closed
from orchestration_svc.domain.coverage import required_set
from orchestration_svc.domain.detection import DetectorResult, DetectorStatus, JsonValue
from orchestration_svc.domain.downstream import MappedFinding, MapperAnswer
from orchestration_svc.domain.guard_texts import guard_texts
from orchestration_svc.domain.judge_text import BLOCKED, NOTHING, Detection, Undetermined, Verdict, judge
from orchestration_svc.domain.moderation_categories import OPENAI, category_of, scores_of
from orchestration_svc.domain.orchestration import OrchestrationResult, Routing
from orchestration_svc.domain.policy import CoverageMethod, Policy
from orchestration_svc.domain.policy_conflicts import Resolution
from orchestration_svc.domain.policy_decision import Action, Decision, Violation
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices
from tests.unit.orchestration_svc.fakes import NOW

TEXT = "to eve@x.org and bob@x.org"
MAIL = {"entity_type": "EMAIL", "start": 3, "end": 12}
PII = "PII.Contact.Email"
TAXONOMY = Path(__file__).parents[3] / "mapper_svc" / "data" / "taxonomy" / "2026.11.yaml"
POLICY = Policy("p", "1", "", frozenset({"text/plain"}), None, None, CoverageMethod.REQUIRED_SET, 0.8)
OPEN = RequestChoices(fail_mode=FailMode.OPEN)


def decided(action: Action, *redact: str) -> Decision:
    return Decision(action, ("the policy says so",), redact, (), (), Violation.NONE, Resolution(()))


def answer(
    output: JsonValue,
    *findings: tuple[str, float, str],
    succeeded: bool = True,
    mapped: bool = True,
    action: Action = Action.ALLOW,
) -> OrchestrationResult:
    """Return what the detector `d` said and what the mapper made of it."""
    mapping = MapperAnswer(
        tuple(MappedFinding(label, score, 1.0, "d", "rule", 1, raw) for label, score, raw in findings),
        {},
        fallback_used=False,
    )
    return OrchestrationResult(
        request_id=uuid4(),
        results=(DetectorResult("d", "v", "1", DetectorStatus.SUCCESS, output),),
        payloads=(),
        mapping=mapping if mapped else None,
        analysis=None,
        coverage=required_set(("d", "e"), {"d", "e"} if succeeded else {"d"}, threshold=0.8),
        routing=Routing(("d",), "", POLICY, {}),
        missing=(),
        decision=decided(action),
        finished_at=NOW,
    )


def found(category: str, *, placed: bool = True, start: int = 3, end: int = 12) -> Verdict:
    return Verdict((Detection(start, end, placed, "EMAIL", category, "d", 0.9),), {category: 0.9}, ())


def test_finding_has_the_places_that_its_detector_told_for_that_label() -> None:
    output = [MAIL, {"entity_type": "NAME", "start": 3, "end": 6}, {**MAIL, "start": 17, "end": 26}]
    verdict = judge(answer(output, (PII, 0.7, "email")), TEXT, threshold=0.5)
    assert [(one.start, one.end, one.placed) for one in verdict.found] == [(3, 12, True), (17, 26, True)]


@pytest.mark.parametrize(
    "output",
    [
        [MAIL, {"entity_type": "EMAIL"}],
        [{**MAIL, "end": 99}],
        [{**MAIL, "end": None}],
        ["EMAIL"],
        {"label": "EMAIL", "score": 0.9},
    ],
)
def test_finding_that_is_not_placed_in_every_part_is_the_whole_text(output: JsonValue) -> None:
    (one,) = judge(answer(output, (PII, 0.7, "EMAIL")), TEXT, threshold=0.5).found
    assert (one.start, one.end, one.placed) == (0, len(TEXT), False)


def test_finding_under_the_threshold_is_only_a_score() -> None:
    verdict = judge(answer([MAIL], (PII, 0.4, "EMAIL")), TEXT, threshold=0.5)
    assert (verdict.found, verdict.highest) == ((), {PII: 0.4})


def test_safe_is_nothing() -> None:
    assert judge(answer([], ("OTHER.Safe", 0.0, "")), TEXT, threshold=0.0) == NOTHING


@pytest.mark.parametrize("label", ["OTHER.Unknown", "OTHER.ModelError", "OTHER.NeedsReview"])
def test_what_nobody_understands_leaves_the_verdict_open(label: str) -> None:
    verdict = judge(answer([MAIL], (label, 0.0, "EMAIL")), TEXT, threshold=0.0)
    assert (verdict.found, verdict.undetermined) == ((), (Undetermined.NOT_UNDERSTOOD,))


def test_missing_detector_and_missing_mapper_leave_the_verdict_open() -> None:
    verdict = judge(answer([], ("OTHER.Safe", 0.0, ""), succeeded=False), TEXT, threshold=0.5)
    assert verdict.undetermined == (Undetermined.COVERAGE,)
    assert judge(answer([MAIL], mapped=False), TEXT, threshold=0.5).undetermined == (Undetermined.MAPPING,)


def test_text_that_its_policy_blocks_does_not_pass_whatever_was_found() -> None:
    verdict = judge(answer([], ("OTHER.Safe", 0.0, ""), action=Action.BLOCK), TEXT, threshold=0.5)
    assert (verdict.found, verdict.blocked) == ((), True)
    assert guard_texts([TEXT], [verdict], OPEN, may_redact=True).reasons == (BLOCKED,)
    assert fails_closed(verdict, OPEN)


def test_personal_data_is_taken_out_and_an_attack_refused() -> None:
    made = guard_texts([TEXT], [found(PII)], RequestChoices(), may_redact=True)
    assert made.texts == ("to [EMAIL_1] and bob@x.org",)
    made = guard_texts([TEXT], [found("JAILBREAK.Attempt")], RequestChoices(), may_redact=True)
    assert (made.reasons, made.texts) == (("JAILBREAK.Attempt",), (TEXT,))


def test_personal_data_without_a_place_is_refused_and_not_passed_on() -> None:
    assert guard_texts([TEXT], [found(PII, placed=False)], OPEN, may_redact=True).reasons == (PII,)


def test_finding_in_what_cannot_be_changed_refuses_the_request() -> None:
    made = guard_texts([TEXT], [NOTHING], OPEN, may_redact=True, fixed=[found(PII)])
    assert made.reasons == (PII,)


def test_what_nobody_can_look_at_passes_only_where_the_tenant_fails_open() -> None:
    assert guard_texts([], [], RequestChoices(), may_redact=True, unseen=True).reasons == ("not_looked_at",)
    assert guard_texts([], [], OPEN, may_redact=True, unseen=True).reasons == ()


def test_every_canonical_label_has_a_category_and_every_prefix_is_one_of_a_label() -> None:
    labels = set(re.findall(r"\b[A-Z][A-Z_]+(?:\.[A-Za-z]+)+", TAXONOMY.read_text("utf-8")))
    assert len(labels) > 80
    by_category = {category_of(label) for label in labels}
    assert by_category >= set(OPENAI) - {"hate/threatening"}, "the taxonomy has no label for that one"
    assert category_of("HARM.SEXUAL.Minors") == "sexual/minors"
    assert category_of("HARM.SPEECH.Hate.Race") == "hate"
    assert category_of("SECRETARY.Else") == "other", "a prefix ends where a name does"


def test_narrow_category_says_the_wider_one_too() -> None:
    scores = scores_of({"HARM.SELFHARM.Intent": 0.9, "HARM.SELFHARM.Content": 0.2})
    assert (scores["self-harm/intent"], scores["self-harm"], scores["violence"]) == (0.9, 0.9, 0.0)
