"""`make up`: start everything, show one real answer, stay, and leave nothing running."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.local.demo import show_demo
from deploy.local.demo_tenant import prepare_tenant
from deploy.local.failure import SetupError
from deploy.local.leftovers import stop_leftovers
from deploy.local.ports import holder, is_taken
from deploy.local.progress import Progress
from deploy.local.settings import StackSettings, variable
from deploy.local.stack import Stack, held_lock, lock_holder, open_stack, write_environments
from deploy.local.start import (
    prepare_database,
    start_servers,
    start_services,
    start_workers,
    wait_for_services,
)
from deploy.local.stop_request import StopRequest, ignore_requests, raise_on_request
from deploy.local.supervision import start_supervisor, write_configuration
from deploy.local.watch import watch

STOP_SECONDS = 45


def up(settings: StackSettings, progress: Progress) -> None:
    """Bring the stack up and stay until Ctrl-C, SIGTERM or the end of the terminal.

    Raises:
        SetupError: it could not be brought up; whatever had been started is stopped by then.
    """
    begun = time.monotonic()
    raise_on_request()
    with held_lock(settings.run) as ours:
        if not ours:
            raise SetupError(
                f"the stack is up already, in process {lock_holder(settings.run)}",
                hint="`make demo` sends it a request, `make down` stops it",
            )
        try:
            stack = _prepare(settings, progress)
            with _supervised(stack, progress) as supervisor:
                start_servers(stack, progress)
                prepare_database(stack, progress)
                start_services(stack)
                token, key = prepare_tenant(stack, progress)
                wait_for_services(stack, progress, token)
                show_demo(stack, progress, token)
                start_workers(stack, progress)
                _say_where(stack, progress, key, time.monotonic() - begun)
                watch(stack, progress, supervisor)
        except StopRequest:
            progress.line("  Nothing is left running; the data is kept.")


def _prepare(settings: StackSettings, progress: Progress) -> Stack:
    stack = open_stack(settings)
    if names := stop_leftovers(str(stack.run), stack.cluster):
        progress.line(f"  Stopped what an earlier start had left behind: {', '.join(names)}")
    with progress.step("ports") as notes:
        for name, port in settings.ports().items():
            if is_taken(port):
                by = holder(port)
                raise SetupError(
                    f"port {port} is taken{f' by {by}' if by else ''}",
                    hint=f"stop that, or choose another port: {name}=… make up",
                )
        notes.append(", ".join(str(port) for port in settings.ports().values()))
    write_environments(stack)
    return stack


@contextmanager
def _supervised(stack: Stack, progress: Progress) -> Iterator[subprocess.Popen[bytes]]:
    """Run the supervisor for the block; afterwards nothing of the stack runs, however the block ended."""
    supervisor = None
    try:
        configuration = write_configuration(stack.run, stack.programs())
        supervisor = start_supervisor(stack.run, configuration, stack.child_environment())
        yield supervisor
    finally:
        ignore_requests()
        progress.line()
        with progress.step("stop everything"):
            if supervisor is not None:
                supervisor.terminate()
                try:
                    supervisor.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    supervisor.kill()
                    supervisor.wait()
            stop_leftovers(str(stack.run), stack.cluster)


def _say_where(stack: Stack, progress: Progress, key: str | None, seconds: float) -> None:
    base = stack.endpoints.api_url("orchestration")
    progress.line(progress.paint(f"\nUp after {seconds:.1f} s.", "bold"))
    progress.line(f"  API       {base}   (docs: {base}/docs)")
    progress.line(f"  dashboard {stack.endpoints.api_url('analysis')}/dashboard")
    progress.line(f"  logs      {stack.run / 'logs'}")
    if key:
        progress.line(f"  key       {key}")
        progress.line("            of tenant demo, role analyst; shown this once")
    progress.line("  Ctrl-C stops everything and keeps the data. In another terminal: make demo, make down.")
    progress.line(f"  Ports are settings, for instance {variable('orchestration_port')}.\n")
