"""Calls to the services' own commands, each in its service's environment."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from deploy.local.failure import SetupError
from deploy.local.services import SERVICES, Service
from deploy.local.stack import Stack

ORCHESTRATION = SERVICES[0]
TIMEOUT_SECONDS = 120


def migrate(stack: Stack, services: Sequence[Service]) -> None:
    """Run the migrations of some services, side by side.

    Raises:
        SetupError: one failed; its own words are in the message.
    """
    running = {
        service: subprocess.Popen(
            stack.service_command(service, "migrate", migration=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=stack.run,
            env=stack.child_environment(),
        )
        for service in services
    }
    try:
        for service, process in running.items():
            output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
            if process.returncode != 0:
                raise _failed(f"python -m {service.module} migrate", output)
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def orchestration_answer(stack: Stack, *arguments: str) -> dict[str, Any]:
    """Run `python -m orchestration_svc … --json` and return what it prints.

    Raises:
        SetupError: it failed, or printed something else.
    """
    output = orchestration_output(stack, [*arguments, "--json"])
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise _failed(
            f"python -m {ORCHESTRATION.module} {' '.join(arguments)}", "no JSON came back"
        ) from error
    return dict(answer)


def orchestration_output(stack: Stack, arguments: Sequence[str], *, seconds: float = TIMEOUT_SECONDS) -> str:
    """Run `python -m orchestration_svc …` and return what it prints.

    Raises:
        SetupError: it failed; its own words are in the message.
        subprocess.TimeoutExpired: it took longer than so many seconds.
    """
    done = subprocess.run(
        stack.service_command(ORCHESTRATION, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=stack.run,
        env=stack.child_environment(),
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        raise _failed(f"python -m {ORCHESTRATION.module} {' '.join(arguments)}", done.stderr or done.stdout)
    return done.stdout


def _failed(command: str, output: str) -> SetupError:
    words = output.strip().splitlines()
    return SetupError(
        f"`{command}` failed: {words[-1] if words else 'it said nothing'}",
        hint="\n".join(words[-15:]) if len(words) > 1 else "`make status` says what runs",
    )
