"""`python -m deploy.local status`: what runs, since when, and whether it can do its work."""

import time

from deploy.local.credentials import load_credentials
from deploy.local.model_readiness import is_ready, memory_mb, served_version
from deploy.local.model_server import Slot, slots
from deploy.local.progress import Progress
from deploy.local.readiness import readiness
from deploy.local.services import SERVICES
from deploy.local.settings import StackSettings
from deploy.local.stack import lock_holder
from deploy.local.supervision import ProgramState, Supervisor


def status(settings: StackSettings, progress: Progress) -> bool:
    """Print a line for each program; return whether all run and all services are ready."""
    holder = lock_holder(settings.run)
    if holder is None:
        progress.line("Nothing is up: `make up` starts it.")
        return False
    supervisor = Supervisor(settings.run)
    if not supervisor.answers():
        progress.line(f"Starting or stopping, in process {holder}.")
        return False
    healthy = True
    ports = {service.name: settings.api_port(service) for service in SERVICES}
    token = load_credentials(settings.run).model_token
    models = {slot.name: slot for slot in slots(settings)}
    for name, found in supervisor.states().items():
        if name in models:
            _show_model(models[name], found, token, progress)
            continue
        words = found.state.lower()
        running = found.state == "RUNNING"
        if running:
            words += f" for {time.time() - found.started:.0f} s as process {found.pid}"
        if running and name in ports:
            ready, missing = readiness(f"http://127.0.0.1:{ports[name]}")
            running = ready
            words += ", ready" if ready else ", not ready"
            words += f" (without {', '.join(missing)})" if missing else ""
        healthy = healthy and running
        progress.line(f"  {progress.paint('●', 'green' if running else 'red')} {name:<14} {words}")
    return healthy


def _show_model(slot: Slot, found: ProgramState, token: str, progress: Progress) -> None:
    """Print the line of a model server. It is no part of being healthy: without it rules answer."""
    words, colour = found.state.lower(), "yellow"
    if found.state == "STOPPED":
        words, colour = "not in use", "dim"
    elif found.state in ("STARTING", "RUNNING"):
        words += f" for {time.time() - found.started:.0f} s as process {found.pid}"
        if version := served_version(slot, token) if is_ready(slot) else None:
            words, colour = f"{words}, ready: {version}, {memory_mb(found.pid):.0f} MB", "green"
        else:
            words += ", not ready: rules answer"
    progress.line(f"  {progress.paint('●', colour)} {slot.name:<14} {words}")
