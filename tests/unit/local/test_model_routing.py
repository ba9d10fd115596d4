import io
import xmlrpc.client
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import pytest

from deploy.local import model_deployment, model_routing
from deploy.local.credentials import load_credentials
from deploy.local.model_deployment import ModelDeployment
from deploy.local.model_routing import chosen_otherwise, route_to
from deploy.local.model_server import slots
from deploy.local.progress import Progress
from deploy.local.settings import StackSettings
from deploy.local.stack import Stack

OURS, THEIRS = "http://127.0.0.1:3000", "http://gpu.example:3000"
SERVED, OTHER = "a" * 12, "b" * 12


def known(active: str | None, url: str = OURS, **states: str) -> dict[str, Any]:
    versions = {**({active: "active"} if active else {}), **states}
    return {
        "active": active,
        "models": [{"version": one, "state": state, "url": url} for one, state in versions.items()],
    }


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    settings = StackSettings(run_dir=str(tmp_path))
    return Stack(settings, load_credentials(tmp_path), cluster=None, cache=None)


@pytest.mark.parametrize(
    ("answer", "routed"),
    [
        (known(None), None),
        (known(SERVED), None),
        (known(OTHER), OTHER),
        (known(OTHER, **{SERVED: "candidate"}), OTHER),
    ],
    ids=["nothing active", "the same", "what the stack activated last", "deployed while it was down"],
)
def test_at_start_the_stack_goes_on_with_what_nobody_changed(
    answer: dict[str, Any], routed: str | None
) -> None:
    assert chosen_otherwise(answer, SERVED, routed, {OURS}) is None


@pytest.mark.parametrize(
    ("answer", "routed"),
    [
        (known(OTHER), SERVED),
        (known(OTHER), None),
        (known(OTHER, THEIRS), OTHER),
        (known(OTHER, **{SERVED: "retired"}), OTHER),
        (known(None, **{SERVED: "retired"}), SERVED),
    ],
    ids=["rolled back", "activated by a person", "served elsewhere", "retired beside another", "retired"],
)
def test_at_start_the_choice_of_a_person_stands(answer: dict[str, Any], routed: str | None) -> None:
    assert chosen_otherwise(answer, SERVED, routed, {OURS}) is not None


@pytest.mark.parametrize(
    "error",
    [TimeoutExpired("x", 1), OSError("no socket"), xmlrpc.client.Fault(10, "BAD_NAME")],
    ids=["timeout", "os", "fault"],
)
def test_a_fault_around_the_model_is_said_once_and_takes_nothing_down(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(model_deployment, "wanted_release", fail)
    said = io.StringIO()
    deployment = ModelDeployment(stack, Progress(said))
    deployment.look()
    deployment.look()
    assert said.getvalue().count("the model is not seen to") == 1


def test_a_token_that_is_not_minted_in_time_is_no_route(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object, seconds: float) -> str:
        raise TimeoutExpired("orchestration", seconds)

    monkeypatch.setattr(model_routing, "orchestration_output", late)
    among = slots(stack.settings)
    found = route_to(stack, among[0], among=among, at_start=True)
    assert not found.settled
    assert found.words is not None


def test_settings_of_a_bento_in_the_shell_reach_no_process_of_the_stack(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_ENGINE", "tgi")
    monkeypatch.setenv("LLM_0A1B_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("LLAMA_MAPPER_MODEL", "on")
    told = stack.child_environment()
    assert not [name for name in told if name.startswith("LLM_")]
    assert told["LLAMA_MAPPER_MODEL"] == "on"
