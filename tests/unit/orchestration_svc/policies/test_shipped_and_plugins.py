from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from orchestration_svc.adapters.policy_plugins import GROUP, load_policy_plugins
from orchestration_svc.adapters.policy_shipped import SHIPPED, ShippedPolicyError, read_shipped
from orchestration_svc.domain.policy_plan import plan_of
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault

HERE = "tests.unit.orchestration_svc.policies.test_shipped_and_plugins"


class Nightly:
    """A policy that a package brings."""

    name = "nightly"
    version = "3"
    description = "Nothing at night."

    def plan(self, question: JsonObject) -> object:
        return {"allow": question["priority"] != "LOW"}

    def decide(self, question: JsonObject) -> object:
        raise KeyError(question["policy"])


def entry(name: str, attribute: str = "Nightly") -> EntryPoint:
    return EntryPoint(name, f"{HERE}:{attribute}", GROUP)


async def test_shipped_policies_pass_their_own_tests_and_plan() -> None:
    for name, policy in read_shipped().items():
        planned = plan_of(await policy.plan({}), name=name, version=policy.version)
        assert planned.content_types == {"text/plain"}
    assert set(read_shipped()) == {"default", "privacy", "strict"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("package policy\n\nversion := {", "policy.rego:3"),
        ('package policy\n\nversion := "1"\n\ndescription := "d"\n', "it has no test"),
        (
            'package policy\n\nversion := "1"\n\ndescription := "d"\n\ntest_a := false\n',
            "test 'test_a' fails",
        ),
    ],
)
def test_shipped_policy_that_is_wrong_stops_the_start(tmp_path: Path, source: str, problem: str) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "policy.rego").write_text(source)
    with pytest.raises(ShippedPolicyError, match=problem):
        read_shipped(tmp_path)


def test_without_a_default_the_service_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(SHIPPED / "strict")
    with pytest.raises(ShippedPolicyError, match="no policy 'default'"):
        read_shipped(tmp_path)


async def test_plugin_is_a_policy_and_its_fault_denies() -> None:
    policy = load_policy_plugins([entry("nightly")])["nightly"]
    assert await policy.plan({"priority": "LOW"}) == {"allow": False}
    with pytest.raises(PolicyFault, match="KeyError"):
        await policy.decide({"policy": "nightly"})


@pytest.mark.parametrize("point", [entry("other_name"), entry("nightly", "Absent"), entry("nightly", "HERE")])
def test_plugin_that_cannot_be_made_is_left_out(point: EntryPoint) -> None:
    assert load_policy_plugins([point]) == {}
