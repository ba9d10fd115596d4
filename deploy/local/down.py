"""`make down`: stop the stack from another terminal, also one whose own terminal died."""

import os
import signal
import time

import psutil

from deploy.local.failure import SetupError
from deploy.local.leftovers import stop_leftovers
from deploy.local.progress import Progress
from deploy.local.settings import StackSettings
from deploy.local.stack import lock_holder, open_stack

PATIENCE_SECONDS = 60


def down(settings: StackSettings, progress: Progress) -> None:
    """Stop what runs from this run folder; the data is kept.

    Raises:
        SetupError: the stack belongs to another user.
    """
    if not settings.run.exists():
        progress.line("Nothing is up: there is no run folder yet.")
        return
    holder = lock_holder(settings.run)
    if holder is not None:
        with progress.step(f"stop the stack of process {holder}"):
            _end(holder, settings)
    stack = open_stack(settings)
    names = stop_leftovers(str(stack.run), stack.cluster)
    if names:
        progress.line(f"  Stopped what no terminal held any more: {', '.join(names)}")
    elif holder is None:
        progress.line("Nothing is up.")


def _end(holder: int, settings: StackSettings) -> None:
    try:
        os.kill(holder, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while lock_holder(settings.run) == holder:
            if time.monotonic() > deadline:
                os.kill(holder, signal.SIGKILL)
            time.sleep(0.1)
    except ProcessLookupError:
        return
    except PermissionError as error:
        owner = psutil.Process(holder).username()
        raise SetupError(f"the stack was started by {owner}", hint="stop it as that user") from error
