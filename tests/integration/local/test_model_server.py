"""The model server of the stack, a stand-in: nobody waits for it, it comes back, it gives way to the next."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.guard import read_environment
from deploy.local.settings import variable
from deploy.local.supervision import Supervisor
from tests.fixtures.stacks import RunningStack, command, stack_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(360)]
START_SECONDS = 240
"""For a busy machine; a quiet one starts the stand-ins in ten."""


def make_release(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "origin.json").write_text("{}")
    return folder


def deploy(data_root: Path, release: Path) -> None:
    pointer = data_root / "deployed" / "smollm2-135m" / "current.json"
    pointer.parent.mkdir(parents=True, exist_ok=True)
    draft = pointer.with_suffix(".new")
    draft.write_text(json.dumps({"release": str(release)}))
    draft.replace(pointer)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    with stack_environment(stand_ins=True) as made:
        # This interpreter finds the stand-in, for its folder is on the path.
        yield made | {
            variable("model"): "on",
            variable("model_venv"): sys.prefix,
            "PIPELINES_DATA_ROOT": str(tmp_path / "pipelines"),
        }


@pytest.fixture
def stack(environment: dict[str, str], tmp_path: Path) -> Iterator[RunningStack]:
    deploy(tmp_path / "pipelines", make_release(tmp_path / "first"))
    running = RunningStack(environment)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.wait()


def test_a_killed_model_comes_back_and_an_approved_one_takes_over_by_itself(
    stack: RunningStack, tmp_path: Path
) -> None:
    said = stack.wait_for("stand-in first, threshold 0.75, none", START_SECONDS)
    assert said.index("Ctrl-C stops everything") < said.index("model is ready after"), "nobody waits for it"
    assert "rules answer meanwhile" in said
    status = command("status", stack.environment)
    assert status.returncode == 0
    assert "ready: stand-in first" in status.stdout
    assert "model-spare    not in use" in status.stdout

    before = stack.pid("model")
    os.kill(before, signal.SIGKILL)
    stack.wait_for("model died (terminated by SIGKILL)")
    stack.wait_for("model works again")
    assert stack.pid("model") != before

    asked = read_environment(stack.run / "env" / "mapper.env")
    assert asked["MAPPER_MODEL_URL"].endswith(stack.environment[variable("model_port")])
    mapper = stack.pid("mapper")
    deploy(tmp_path / "pipelines", make_release(tmp_path / "second"))
    said = stack.wait_for("stand-in second, threshold 0.75, none")
    assert "the last one answers meanwhile" in said
    told = (stack.run / "models.log").read_text().splitlines()
    assert stack.environment[variable("model_spare_port")] in told[-2]
    assert told[-1].startswith("/api/v1/models/0a1b2c3d4e5f/activate ")
    assert stack.pid("mapper") == mapper, "no service is restarted for it"

    # One that cannot be served leaves the last one in place.
    shutil.rmtree(make_release(tmp_path / "third"))
    deploy(tmp_path / "pipelines", tmp_path / "third")
    stack.wait_for(f"the next model: {tmp_path / 'third'} holds no release")
    assert Supervisor(stack.run).states()["model-spare"].state == "RUNNING"
    assert stack.end() == 0
    assert stack.left_running() == []


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("venv", "`make model` installs what the model needs"),
        ("release", "holds no release"),
    ],
)
def test_without_venv_or_release_the_stack_comes_up_and_says_so(
    environment: dict[str, str], tmp_path: Path, missing: str, line: str
) -> None:
    if missing == "venv":
        environment[variable("model_venv")] = str(tmp_path / "none")
    environment[variable("model_release")] = str(tmp_path / "no release")
    stack = RunningStack(environment)
    said = stack.wait_for(line, START_SECONDS)
    assert "Ctrl-C stops everything" in said
    assert "no model, rules answer alone" in said
    assert command("status", environment).returncode == 0
    assert stack.end() == 0
