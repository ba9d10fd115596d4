"""A change of a policy is shown only when it was evaluated, and accepted words speak for it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.insights import rego_process
from analysis_svc.adapters.insights.rego_process import RegoProcess, evaluate, load_policies
from analysis_svc.domain.insights.feedback import Feedback, Word
from analysis_svc.domain.insights.rego_advice import (
    MOST_CHANGES,
    Answered,
    NotEvaluatedError,
    Policy,
    RegoAdvice,
    StoredDecision,
    WeighRego,
    changed,
    diff_of,
)
from analysis_svc.domain.insights.span import Span
from tests.unit.analysis_svc.insights.test_quality import NOW, word

LABEL = "PII.Contact.Email"
POLICIES = load_policies(SHIPPED / "policies")
DEFAULT = next(one for one in POLICIES if one.name == "default")
SPAN = Span(NOW, NOW)


class Evaluates:
    """Runs the real engine, in this process."""

    async def answers(
        self, sources: Sequence[str], questions: Sequence[Mapping[str, Any]]
    ) -> Sequence[Sequence[Answered]]:
        told = evaluate(sources, [json.dumps(one) for one in questions])
        return [
            [Answered(action, None if ids is None else frozenset(ids)) for action, ids in one] for one in told
        ]


class Fails:
    async def answers(self, *_: object) -> Sequence[Sequence[Answered]]:
        raise NotEvaluatedError("the evaluation took longer than 20 s or broke off")


class Stored:
    def __init__(self, decisions: Sequence[StoredDecision]) -> None:
        self.decisions = decisions

    async def newest(self, tenant_id: UUID, span: Span, *, most: int) -> Sequence[StoredDecision]:
        del tenant_id, span
        return [replace(one, findings=()) for one in self.decisions[:most]]

    async def with_findings(
        self, tenant_id: UUID, decisions: Sequence[StoredDecision], *, most: int
    ) -> Sequence[StoredDecision]:
        del tenant_id
        known = {one.evidence_id: one for one in self.decisions}
        whole = [known[one.evidence_id] for one in decisions]
        assert sum(len(one.findings) for one in whole) <= most
        return whole


def decision(
    *confidences: float, label: str = LABEL, policy: tuple[str, str] | None = None, enough: bool = True
) -> StoredDecision:
    findings = [
        {"id": f"f{n}", "label": label, "score": 1.0, "confidence": one, "detectors": [], "occurrences": 1}
        for n, one in enumerate(confidences, start=1)
    ]
    return StoredDecision(uuid4(), policy or (DEFAULT.name, DEFAULT.version), enough, findings)


def about(one: StoredDecision, said: Word, *, accepted: bool | None = True) -> Feedback:
    return word(said, evidence=one.evidence_id, accepted=accepted)


async def weighed(
    decisions: Sequence[StoredDecision],
    words: Sequence[Feedback],
    *,
    evaluation: Evaluates | Fails | None = None,
    labels: Sequence[str] = (LABEL,),
) -> RegoAdvice:
    weigh = WeighRego(Stored(decisions), evaluation or Evaluates(), POLICIES)
    found = await weigh.weigh(uuid4(), SPAN, dict.fromkeys(labels, 0.7), words)
    assert found.keys() == set(labels)
    return found[labels[-1]]


async def test_effect_is_counted_by_the_engine_on_stored_decisions() -> None:
    unsure, sure = [decision(0.62) for _ in range(6)], [decision(0.9) for _ in range(4)]
    both, clean, silent = decision(0.62, 0.9), decision(), decision(enough=False)
    words = [
        *(about(one, Word.FALSE_POSITIVE) for one in unsure[:4]),
        about(unsure[4], Word.CONFIRMED),
        about(unsure[5], Word.FALSE_POSITIVE, accepted=None),
        *(about(one, Word.CONFIRMED) for one in sure),
    ]
    found = await weighed([*unsure, *sure, both, clean, silent], words)
    assert found.left_out is None
    assert found.diff is not None
    effect = found.diff.effect
    assert (effect.analyses, effect.flagged_before, effect.flagged_after) == (13, 12, 6)
    assert (effect.false_positives, effect.false_positives_removed) == (4, 4), "accepted ones alone"
    assert (effect.confirmed, effect.confirmed_lost) == (5, 1)


async def test_other_label_and_a_policy_of_ones_own_are_left_alone() -> None:
    others = [decision(0.3, label="SECRET.ApiKey") for _ in range(3)]
    theirs = [decision(0.3, policy=("default", "17")) for _ in range(2)]
    mine = [decision(0.3), decision(0.3)]
    found = await weighed([*others, *theirs, *mine], [about(mine[0], Word.FALSE_POSITIVE)])
    assert found.diff is not None
    assert (found.diff.effect.analyses, found.diff.effect.flagged_after) == (5, 3)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param([], "remove 0 of 0 accepted false alarms and lose 0 of 0", id="nothing accepted"),
        pytest.param([Word.FALSE_POSITIVE, Word.CONFIRMED], "remove 1 of 1", id="as much lost as won"),
        pytest.param([Word.RELABEL], "lose 1 of 1", id="something was there, called otherwise"),
    ],
)
async def test_policy_is_not_loosened_without_accepted_words_for_it(said: list[Word], reason: str) -> None:
    decisions = [decision(0.5) for _ in range(3)]
    words = [about(one, what) for one, what in zip(decisions, said, strict=False)]
    found = await weighed(decisions, words)
    assert found.diff is None
    assert reason in str(found.left_out)


async def test_what_cannot_be_evaluated_has_no_diff_and_says_why() -> None:
    mine = decision(0.5)
    words = [about(mine, Word.FALSE_POSITIVE)]
    late = await weighed([mine], words, evaluation=Fails())
    unknown = await weighed([decision(0.5, policy=("default", "17"))], words)
    empty = await weighed([], words)
    hostile = await weighed([mine], words, labels=['A.B"\n}\ndefault action := "allow"\n#'])
    many = await weighed([mine], words, labels=[f"PII.L{n}" for n in range(MOST_CHANGES + 1)])
    for found, reason in (
        (late, "longer than 20 s"),
        (unknown, "text of the policy"),
        (empty, "no analysis"),
        (hostile, "cannot be written"),
        (many, f"only {MOST_CHANGES}"),
    ):
        assert found.diff is None
        assert reason in str(found.left_out)


async def test_later_accepted_word_on_a_finding_holds() -> None:
    one = decision(0.5)
    first, last = about(one, Word.FALSE_POSITIVE), about(one, Word.CONFIRMED)
    assert first.review is not None
    first = replace(first, review=replace(first.review, reviewed_at=NOW.replace(year=2020)))
    assert (await weighed([one], [last, first])).diff is None


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.name)
def test_diff_applies_and_the_tests_of_the_policy_still_hold(policy: Policy, tmp_path: Path) -> None:
    import regorus  # noqa: PLC0415

    theirs = Path("orchestration_svc/data/policies") / policy.name
    shipped = (theirs / "policy.rego").read_text()
    assert shipped == policy.source, "analysis_svc/data/policies are orchestration's own"
    after = changed(policy.source, LABEL, 0.7)
    (tmp_path / "policy.rego").write_text(shipped)
    (tmp_path / "a.diff").write_text(diff_of(policy.source, after))
    subprocess.run(["git", "apply", "a.diff"], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607 - whichever git
    assert (tmp_path / "policy.rego").read_text() == after
    engine = regorus.Engine()
    engine.add_policy("policy.rego", after)
    tests = (theirs / "policy_test.rego").read_text()
    engine.add_policy("policy_test.rego", tests)
    names = [line.split()[0] for line in tests.splitlines() if line.startswith("test_")]
    assert names
    for name in names:
        assert engine.eval_rule_as_json(f"data.policy.{name}") == "true", name


@pytest.mark.parametrize("source", ["package policy\n)", "package policy\nx := 1", ""])
def test_engine_that_fails_is_a_plain_error(source: str) -> None:
    with pytest.raises(ValueError, match=r"^\w+$"):
        evaluate([source], ['{"findings": []}'])


async def test_process_that_never_ends_is_killed_and_the_next_question_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, question = RegoProcess(), decision(0.5).question()
    pairs = "[b | some a in numbers.range(1, 90000); some b in numbers.range(1, a)]"
    endless = f"package policy\ndecision := count({pairs})"
    try:
        ((answer,),) = await process.answers([DEFAULT.source], [question])
        assert (answer.action, answer.counted) == ("flag", None)
        monkeypatch.setattr(rego_process, "LIMIT_S", 0.2)
        with pytest.raises(NotEvaluatedError, match="took longer"):
            await process.answers([endless], [question])
        monkeypatch.setattr(rego_process, "LIMIT_S", 20.0)
        with pytest.raises(NotEvaluatedError, match="could not be evaluated"):
            await process.answers(["package policy\n)"], [question])
        ((answer,),) = await process.answers([changed(DEFAULT.source, LABEL, 0.7)], [question])
        assert (answer.action, answer.counted) == ("allow", frozenset())
    finally:
        process.close()
