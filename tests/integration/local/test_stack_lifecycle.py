"""The stack under its supervisor, with stand-ins for the services: what starts, dies and comes back."""

import os
import pty
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from deploy.local import valkey
from deploy.local.guard import read_environment
from deploy.local.settings import variable
from deploy.local.stack import open_stack
from tests.fixtures.servers import running_postgres, running_valkey
from tests.fixtures.stacks import CHECKOUT, RunningStack, command, stack_environment

Start = Callable[..., RunningStack]


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with stack_environment(stand_ins=True) as made:
        yield made


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Start]:
    started: list[RunningStack] = []

    def begin(**more: str) -> RunningStack:
        started.append(RunningStack(environment | more))
        return started[-1]

    yield begin
    for stack in started:
        if stack.process.poll() is None:
            stack.process.kill()
            stack.process.wait()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def starts_of(stack: RunningStack, service: str) -> int:
    dsn = open_stack(stack.settings).admin_dsn.replace("/postgres", "/llama_mapper")
    with psycopg.connect(dsn) as admin:
        row = admin.execute(SQL("SELECT count(*) FROM {}.starts").format(Identifier(service))).fetchone()
    assert row is not None
    return int(row[0])


def what_everyone_could_read(stack: RunningStack) -> list[str]:
    """Return the names of secrets that stand in a command line or a log, and files that are not private."""
    private = {"supervisord.conf", "users.acl", "supervisor.sock"}
    files = [path for path in stack.run.rglob("*") if path.name.endswith(".env") or path.name in private]
    assert len(files) == 11
    found = [path.name for path in files if path.stat().st_mode & 0o077]
    text = "".join(log.read_text() for log in (stack.run / "logs").iterdir())
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            text += " ".join(process.cmdline())
    secrets = read_environment(stack.run / "secrets.env")
    assert secrets["MAPPER_MIGRATOR_PASSWORD"] not in (stack.run / "env" / "mapper.env").read_text()
    return found + [name for name, value in secrets.items() if value in text]


def test_ctrl_c_leaves_nothing_running_and_the_next_start_finds_the_data(start: Start) -> None:
    first = start()
    said = first.wait_for("Ctrl-C stops everything")
    assert "lm_shown_once" in said
    assert starts_of(first, "mapper") == 1
    assert what_everyone_could_read(first) == []
    assert first.end(signal.SIGINT) == 0
    assert "Nothing is left running" in first.output
    assert first.left_running() == []

    second = start()
    said = second.wait_for("Ctrl-C stops everything")
    assert "lm_shown_once" not in said, "the key is shown once"
    assert "data folder" not in said, "the data folder is made once"
    assert starts_of(second, "mapper") == 2
    assert second.end(signal.SIGHUP) == 0
    assert second.left_running() == []


def test_a_closed_terminal_leaves_nothing_running(environment: dict[str, str]) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(CHECKOUT)
        environment = os.environ | environment
        os.execve(sys.executable, [sys.executable, "-m", "deploy.local", "up"], environment)  # noqa: S606
    said = b""
    while b"Ctrl-C stops everything" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    until(lambda: os.waitpid(child, os.WNOHANG) != (0, 0))
    answer = command("down", environment)
    assert "Nothing is up." in answer.stdout


def test_dead_programs_come_back_and_a_second_start_is_told_of_the_first(
    start: Start, environment: dict[str, str]
) -> None:
    stack = start()
    stack.wait_for("Ctrl-C stops everything")
    for program in ("mapper", "valkey", "postgres"):
        before = stack.pid(program)
        os.kill(before, signal.SIGKILL)
        stack.wait_for(f"{program} died (terminated by SIGKILL)")
        stack.wait_for(f"{program} works again")
        assert stack.pid(program) != before
    second = command("up", environment)
    assert second.returncode == 1
    assert f"up already, in process {stack.process.pid}" in second.stdout
    assert command("demo", environment).returncode == 0
    status = command("status", environment)
    assert status.returncode == 0, status.stdout
    down = command("down", environment)
    assert down.returncode == 0
    assert stack.process.wait(10) == 0
    assert stack.left_running() == []


def test_a_killed_terminal_process_takes_the_stack_along(start: Start, environment: dict[str, str]) -> None:
    stack = start()
    stack.wait_for("Ctrl-C stops everything")
    stack.end(signal.SIGKILL)
    if sys.platform == "linux":
        until(lambda: stack.left_running() == [])
    else:
        assert "no terminal held" in command("down", environment).stdout


def test_after_everything_was_killed_at_once_a_start_recovers(start: Start) -> None:
    stack = start()
    stack.wait_for("Ctrl-C stops everything")
    everything = psutil.Process(stack.process.pid).children(recursive=True)
    stack.process.kill()
    for process in everything:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    assert (open_stack(stack.settings).cluster.data / "postmaster.pid").exists()  # type: ignore[union-attr]
    again = start()
    again.wait_for("Ctrl-C stops everything")
    assert starts_of(again, "mapper") == 2
    assert again.end(signal.SIGTERM) == 0
    assert again.left_running() == []


def test_a_killed_supervisor_ends_the_stack_and_is_told(start: Start) -> None:
    stack = start()
    stack.wait_for("Ctrl-C stops everything")
    os.kill(int((stack.run / "supervisor.pid").read_text()), signal.SIGKILL)
    stack.process.wait(60)
    assert stack.process.returncode == 1
    assert "the supervisor ended" in stack.wait_for("the supervisor ended")
    assert stack.left_running() == []


@pytest.mark.parametrize("delay", [0.3, 1.2, 2.5])
def test_ctrl_c_at_any_moment_of_the_start_leaves_nothing(start: Start, delay: float) -> None:
    stack = start()
    stack.wait_for("ports")
    time.sleep(delay)
    assert stack.end(signal.SIGINT) == 0
    assert stack.left_running() == []


def test_a_taken_port_is_named_with_its_setting_and_its_holder(
    start: Start, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", int(environment[variable("mapper_port")]))) as taken:
        stack = start()
        stack.process.wait(30)
        said = stack.wait_for("is taken")
    port = taken.getsockname()[1] if taken.fileno() != -1 else environment[variable("mapper_port")]
    assert stack.process.returncode == 1
    assert f"port {port} is taken by" in said
    assert f"(process {os.getpid()})" in said
    assert "LLAMA_MAPPER_MAPPER_PORT=" in said


def test_a_failed_migration_says_which_and_leaves_nothing(start: Start, environment: dict[str, str]) -> None:
    run = Path(environment[variable("run_dir")])
    run.mkdir(mode=0o711)
    (run / "fail-analysis").touch()
    stack = start()
    stack.process.wait(60)
    said = stack.wait_for("migration 0007 is broken")
    assert stack.process.returncode == 1
    assert "python -m analysis_svc migrate" in said
    assert stack.left_running() == []


def test_own_servers_are_used_instead_of_the_embedded_ones(start: Start) -> None:
    # Not the servers of the other tests: a stack gives the roles passwords of its own.
    with running_postgres() as server, running_valkey() as cache:
        stack = start(
            LLAMA_MAPPER_POSTGRES_DSN=server.admin_dsn,
            LLAMA_MAPPER_REDIS_URL=cache.url(valkey.ADMIN),
            LLAMA_MAPPER_DATABASE="external_stack",
        )
        stack.wait_for("Ctrl-C stops everything")
        names = {process.name() for process in psutil.Process(stack.process.pid).children(recursive=True)}
        assert not names & {"postgres", "valkey-server"}
        with psycopg.connect(make_conninfo(server.admin_dsn, dbname="external_stack")) as admin:
            assert admin.execute("SELECT count(*) FROM mapper.starts").fetchone() == (1,)
        assert stack.end() == 0
        assert stack.left_running() == []
