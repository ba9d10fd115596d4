"""What is asked of a policy twice, and what is not."""

import math
from dataclasses import dataclass, field

import pytest

from orchestration_svc.adapters.policy_regorus import RegorusProgram
from orchestration_svc.adapters.policy_syntax import facts_of
from orchestration_svc.domain import policy_memory
from orchestration_svc.domain.policy_memory import PolicyMemory, asked
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault

HEAD = "package policy\n\nimport rego.v1\n\n"


@dataclass(eq=False)
class Program:
    """One that only says what it reads."""

    reads: frozenset[str] | None = field(default_factory=lambda: frozenset({"direction"}))
    name: str = "p"
    version: str = "1"
    description: str = ""
    shipped: bool = False

    async def plan(self, question: JsonObject) -> object:
        raise NotImplementedError

    async def decide(self, question: JsonObject) -> object:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("rules", "reads"),
    [
        ("plan := {}", set()),
        ("plan := input.a.b", {"a"}),
        ('plan := input["a"]', {"a"}),
        ("plan := {x | some x in input.a; x.n == input.b}", {"a", "b"}),
        ("f(x) := x == input.c\nplan := f(input.a[input.b])", {"a", "b", "c"}),
        ('plan := 1 if data.policy.x with input as {"a": 1}\nx := input.b', {"b"}),
        ("plan := 1 if data.policy.x with input.a as input.c\nx := 2", {"c"}),
        ("plan := input", None),
        ("plan := object.keys(input)", None),
        ("plan := [one | some one in input]", None),
        ('plan := {x | some y in ["a"]; x := input[y]}', None),
        ('plan := input[sprintf("%s", ["a"])]', None),
        ("whole := input\nplan := whole.a", None),
        ("plan := [input][0].a", None),
        ('plan := object.get(input, "a", 1)', None),
    ],
)
def test_what_a_policy_reads_is_known_or_said_to_be_unknown(rules: str, reads: set[str] | None) -> None:
    trees = RegorusProgram({"policy.rego": HEAD + rules}, {}).ast()
    assert facts_of(trees).reads == reads


def test_an_imported_part_of_the_input_is_not_told_apart() -> None:
    source = "package policy\n\nimport rego.v1\nimport input.a\n\nplan := a"
    assert facts_of(RegorusProgram({"policy.rego": source}, {}).ast()).reads is None


def test_questions_that_differ_only_in_what_is_not_read_are_one() -> None:
    program = Program()
    first = asked(program, {"direction": "input", "content_bytes": 1})
    assert first.question == {"direction": "input"}
    assert first.key == asked(program, {"direction": "input", "content_bytes": 2}).key
    assert first.key != asked(program, {"direction": "output", "content_bytes": 1}).key


def test_two_versions_or_tenants_never_share_an_answer() -> None:
    memory: PolicyMemory[object] = PolicyMemory()
    question: JsonObject = {"direction": "input"}
    memory.learn(asked(Program(), question).key, {"action": "allow"}, lambda answer: answer)
    assert memory.recall(asked(Program(), question).key) is None


def test_a_program_that_may_read_anything_is_asked_everything_every_time() -> None:
    put = asked(Program(reads=None), {"direction": "input", "wanted": None})
    assert put.question == {"direction": "input", "wanted": None}
    assert put.key is None


def test_what_is_no_number_is_left_to_the_engine_to_refuse() -> None:
    assert asked(Program(), {"direction": math.nan}).key is None


def test_large_questions_and_answers_are_not_kept() -> None:
    memory: PolicyMemory[object] = PolicyMemory()
    assert asked(Program(), {"direction": "x" * policy_memory.QUESTION_CHARACTERS}).key is None
    key = asked(Program(), {"direction": "x"}).key
    memory.learn(key, ["x" * policy_memory.ANSWER_CHARACTERS], lambda answer: answer)
    assert memory.recall(key) is None


def test_an_answer_that_cannot_be_read_is_not_kept() -> None:
    def refuse(_: object) -> object:
        raise PolicyFault("wrong")

    memory: PolicyMemory[object] = PolicyMemory()
    key = asked(Program(), {"direction": "x"}).key
    with pytest.raises(PolicyFault):
        memory.learn(key, {}, refuse)
    assert memory.recall(key) is None


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_memory, "KEPT", 2)
    memory: PolicyMemory[int] = PolicyMemory()
    program = Program()
    keys = [asked(program, {"direction": str(number)}).key for number in range(3)]
    for number, key in enumerate(keys):
        memory.recall(keys[0])
        memory.learn(key, number, lambda _, number=number: number)  # type: ignore[misc]
    assert [memory.recall(key) for key in keys] == [0, None, 2]
