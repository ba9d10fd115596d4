"""Staying with the stack: what dies, what comes back, and the supervisor itself."""

import subprocess
import time

from deploy.local.events import Event, EventLog
from deploy.local.failure import SetupError
from deploy.local.model_deployment import ModelDeployment
from deploy.local.model_readiness import is_ready
from deploy.local.model_server import slots
from deploy.local.progress import Progress
from deploy.local.readiness import readiness
from deploy.local.services import SERVICES
from deploy.local.stack import Stack
from deploy.local.supervision import Supervisor

INTERVAL_SECONDS = 0.5


def watch(stack: Stack, progress: Progress, supervisor: subprocess.Popen[bytes]) -> None:
    """Tell what happens to the programs until a StopRequest comes.

    Raises:
        SetupError: the supervisor itself ended.
    """
    deployment = ModelDeployment(stack, progress)
    log = EventLog(stack.run / "logs" / "supervisor.log")
    fallen: dict[str, float] = {}
    while supervisor.poll() is None:
        for event in log.read():
            _tell(event, progress, fallen)
        for program in [name for name in fallen if _works(stack, name)]:
            progress.event(
                f"{program} works again after {time.monotonic() - fallen.pop(program):.1f} s", colour="green"
            )
        deployment.look()
        time.sleep(INTERVAL_SECONDS)
    raise SetupError(
        f"the supervisor ended with status {supervisor.returncode}",
        hint=f"see {stack.run / 'logs' / 'supervisor.log'}; `make up` starts everything again",
    )


def _tell(event: Event, progress: Progress, fallen: dict[str, float]) -> None:
    if event.kind == "died":
        fallen.setdefault(event.program, time.monotonic())
        progress.event(f"{event.program} died ({event.reason}); it is started again")
    elif event.kind == "gave up":
        fallen.pop(event.program, None)
        progress.event(f"{event.program} dies at every start and was given up: see its log", colour="red")


def _works(stack: Stack, program: str) -> bool:
    for service in SERVICES:
        if service.name == program:
            return readiness(stack.endpoints.api_url(program))[0]
    for slot in slots(stack.settings):
        if slot.name == program:
            return is_ready(slot)
    return Supervisor(stack.run).states()[program].state == "RUNNING"
