"""kill -9 of Dagster's daemon, for real: what was approved is released once, whenever it was killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorStatus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
LOCATION = "tests.integration.pipelines.release.daemon_location"
ROOT = Path(__file__).parents[4]
PATIENCE_SECONDS = 240


@contextmanager
def daemon(home: Path, world: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon with its code server, in a process group of its own."""
    with (home / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-m", LOCATION],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(home), "DAEMON_TEST_ROOT": str(world)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(what: Callable[[], bool], home: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, (home / "daemon.log").read_text()[-3000:]
        time.sleep(0.05)


@pytest.mark.parametrize("killed_when", ["it takes up the approval", "the run is asked for"])
def test_killed_and_started_again_it_releases_once(tmp_path: Path, killed_when: str) -> None:
    home, world = tmp_path / "home", tmp_path / "world"
    home.mkdir()
    world.mkdir()
    shutil.copyfile(ROOT / "deploy" / "dagster" / "local.yaml", home / "dagster.yaml")
    log, released = world / "approvals.jsonl", world / "released"
    with DagsterInstance.from_config(str(home)) as instance:
        with daemon(home, world):
            if killed_when == "it takes up the approval":
                until(log.exists, home)
            else:
                until(lambda: instance.get_runs_count() > 0, home)
        with daemon(home, world):
            until(released.exists, home)
            (state,) = instance.all_instigator_state()
            assert state.status is InstigatorStatus.DECLARED_IN_CODE
            ticks = len(instance.get_ticks(state.instigator_origin_id, state.selector_id))
            until(
                lambda: len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) > ticks + 2,
                home,
            )
        assert instance.get_runs_count() == 1
    assert len(released.read_text().splitlines()) == 1
    assert len(log.read_text().splitlines()) == 1
