"""Asks a running stack as a client would."""

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local.service_commands import orchestration_answer, orchestration_output
from deploy.local.stack import open_stack
from tests.fixtures.stacks import RunningStack

_asked = itertools.count()


class StackClient:
    """The demo tenant's view of a stack, and its operator's."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.opened = open_stack(stack.settings)
        self._token = ""
        self._minted = float("-inf")

    def token(self) -> str:
        """Return a token of the demo tenant that is good for another while."""
        if time.monotonic() - self._minted > 240:
            self._token = self.output("keys", "mint", "--tenant", "demo", "--role", "admin", "--ttl", "300")
            self._minted = time.monotonic()
        return self._token

    def output(self, *arguments: str) -> str:
        """Return what a command of orchestration_svc prints."""
        return orchestration_output(self.opened, list(arguments)).strip()

    def answer(self, *arguments: str) -> dict[str, Any]:
        """Return what a command of orchestration_svc prints with --json."""
        return orchestration_answer(self.opened, *arguments)

    def url(self, service: str) -> str:
        """Return the base URL of a service."""
        return self.opened.endpoints.api_url(service)

    def post(
        self,
        service: str,
        path: str,
        body: object,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send JSON and return the answer, whatever it is."""
        return httpx.post(
            f"{self.url(service)}{path}",
            content=json.dumps(body),
            headers={
                "Authorization": f"Bearer {self.token() if token is None else token}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
            timeout=30,
            trust_env=False,
        )

    def get(self, service: str, path: str, *, token: str | None = None) -> httpx.Response:
        """Ask and return the answer, whatever it is."""
        return httpx.get(
            f"{self.url(service)}{path}",
            headers={"Authorization": f"Bearer {self.token() if token is None else token}"},
            timeout=30,
            trust_env=False,
        )

    def orchestrate(self, text: str, **more: object) -> httpx.Response:
        """Have one text looked at; never the same one twice, so that no answer comes from the cache."""
        content = f"{text}{' ' * next(_asked)}"
        return self.post("orchestration", "/api/v1/orchestrate", {"content": content, "mode": "sync", **more})

    def alive(self, service: str) -> bool:
        """Whether a service answers at all."""
        try:
            return self.get(service, "/health/live").is_success
        except httpx.TransportError:
            return False

    def logs(self) -> str:
        """Return all that the programs of the stack have logged."""
        folder = Path(self.stack.run) / "logs"
        return "".join(file.read_text(errors="replace") for file in sorted(folder.iterdir()))

    def detector_pids(self, name: str) -> list[int]:
        """Return the worker processes of a detector, found below the service by its module's name."""
        service = psutil.Process(self.stack.pid("orchestration"))
        return [
            child.pid
            for child in service.children(recursive=True)
            if any(f"detectors.{name}:" in word for word in child.cmdline())
        ]


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Wait until something holds, or fail naming it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.1)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process hang for a while, as a slow peer does."""
    os.kill(pid, 19)
    try:
        yield
    finally:
        os.kill(pid, 18)
