"""Keeps the wanted release served: the next is started beside the last, which goes once the next is ready."""

import http.client
import subprocess
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path

from deploy.local.credentials import write_private
from deploy.local.model_readiness import is_ready, memory_mb, served_version
from deploy.local.model_routing import route_to
from deploy.local.model_server import Slot, environment, obstacle, slots, wanted_release
from deploy.local.progress import Progress
from deploy.local.stack import Stack
from deploy.local.supervision import Supervisor

PATIENCE_SECONDS = 300.0
"""A release that is not ready by then is not taken while another one answers."""
DRAIN_SECONDS = 5.0
"""How long the last server may finish what it was asked."""
TELL_AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Started:
    """A release in a slot, and when its server was started (monotonic seconds)."""

    slot: Slot
    release: Path
    at: float


class ModelDeployment:
    """What is served, what is to follow, and what is on its way out.

    Args:
        stack: whose model it is.
        progress: is told what happens.
    """

    def __init__(self, stack: Stack, progress: Progress) -> None:
        self._stack = stack
        self._progress = progress
        self._supervisor = Supervisor(stack.run)
        self._slots = slots(stack.settings)
        self._serving: Started | None = None
        self._next: Started | None = None
        self._leaving: Started | None = None
        self._refused: Path | None = None
        self._drained_at = 0.0
        self._said = ""
        self._known: Slot | None = None
        self._told_again_at = 0.0

    def look(self) -> None:
        """Do what is due now; what goes wrong is said, tried again, and takes nothing else down."""
        if not self._slots:
            return
        try:
            self._do_what_is_due()
        except (OSError, subprocess.SubprocessError, xmlrpc.client.Error, http.client.HTTPException) as error:
            self._say_once(f"the model is not seen to, which is tried again: {type(error).__name__}: {error}")

    def _do_what_is_due(self) -> None:
        self._retire()
        self._start_wanted()
        self._promote()
        if self._serving and self._serving.slot != self._known:
            self._mapper_takes(self._serving.slot, at_start=self._known is None)

    def _start_wanted(self) -> None:
        release = wanted_release(self._stack.settings)
        if self._next and self._next.release != release:
            self._supervisor.stop(self._next.slot.name)
            self._next = None
        answering = self._serving.release if self._serving else None
        if self._next or self._leaving or release in (answering, self._refused):
            return
        if why := obstacle(self._stack.settings, release):
            self._say_once(
                f"the next model: {why}" if self._serving else f"no model, rules answer alone: {why}"
            )
            return
        taken = self._serving.slot if self._serving else None
        slot = next(one for one in self._slots if one != taken)
        told = environment(self._stack.run, release, self._stack.credentials.model_token)
        lines = "".join(f"{name}={value}\n" for name, value in told.items())
        write_private(slot.environment_file(self._stack.run), lines)
        self._supervisor.start(slot.name)
        self._next = Started(slot, release, time.monotonic())
        meanwhile = "the last one answers" if self._serving else "rules answer"
        self._say_once(f"{slot.name} loads {release}; {meanwhile} meanwhile", colour="dim")

    def _promote(self) -> None:
        if self._next is None:
            return
        waited = time.monotonic() - self._next.at
        if is_ready(self._next.slot):
            # The first is where the mapper looks by itself; no other is taken for the last before it is told.
            if self._serving and not self._mapper_takes(self._next.slot, at_start=False):
                return
            self._tell_ready(self._next, waited)
            self._leaving, self._serving, self._next = self._serving, self._next, None
            self._refused = None
            self._drained_at = time.monotonic() + DRAIN_SECONDS
        elif waited > PATIENCE_SECONDS:
            log = self._stack.run / "logs" / f"{self._next.slot.name}.log"
            words = f"{self._next.release} is not ready after {PATIENCE_SECONDS:.0f} s: see {log}"
            if self._serving is None:
                self._say_once(f"{words}; rules answer meanwhile", colour="red")
                return
            self._supervisor.stop(self._next.slot.name)
            self._refused, self._next = self._next.release, None
            self._say_once(f"{words}; it is not taken, and {self._serving.release} goes on", colour="red")

    def _mapper_takes(self, slot: Slot, *, at_start: bool) -> bool:
        if slot == self._known:
            return True
        if time.monotonic() < self._told_again_at:
            return False
        found = route_to(self._stack, slot, among=self._slots, at_start=at_start)
        if found.settled:
            self._known = slot
            if found.words:
                self._say_once(found.words)
            return True
        self._told_again_at = time.monotonic() + TELL_AGAIN_SECONDS
        self._say_once(f"the mapper does not take {slot.name} yet: {found.words}")
        return False

    def _retire(self) -> None:
        if self._leaving and time.monotonic() > self._drained_at:
            self._supervisor.stop(self._leaving.slot.name)
            self._leaving = None

    def _tell_ready(self, started: Started, seconds: float) -> None:
        pid = self._supervisor.states()[started.slot.name].pid
        version = served_version(started.slot, self._stack.credentials.model_token) or "no version"
        words = f"{version}, {memory_mb(pid):.0f} MB on port {started.slot.port}"
        self._say_once(f"{started.slot.name} is ready after {seconds:.1f} s: {words}", colour="green")

    def _say_once(self, words: str, *, colour: str = "yellow") -> None:
        if words != self._said:
            self._said = words
            self._progress.event(words, colour=colour)
