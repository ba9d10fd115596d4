"""What a model server says of itself, and what it costs."""

from dataclasses import dataclass

import httpx
import psutil

from deploy.local.model_server import Slot

_PATIENCE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """Which version a model server answers with.

    Attributes:
        name: recipe that it was trained by.
        version: id of the release.
        threshold: least confidence at which its answer is taken; None when it gives guesses only.
        engine: what computes it.
    """

    name: str
    version: str
    threshold: float | None
    engine: str

    def __str__(self) -> str:
        """Return it as a person reads it."""
        threshold = "guesses only" if self.threshold is None else f"threshold {self.threshold:.2f}"
        return f"{self.name} {self.version}, {threshold}, {self.engine}"


def is_ready(slot: Slot) -> bool:
    """Tell whether the server in a slot can answer now."""
    try:
        return httpx.get(f"{slot.url}/readyz", timeout=_PATIENCE_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def served_version(slot: Slot, token: str) -> ServedVersion | None:
    """Return which version the server in a slot answers with; None when it does not say."""
    try:
        answer = httpx.get(
            f"{slot.url}/v1/version",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_PATIENCE_SECONDS,
            trust_env=False,
        )
        body = answer.raise_for_status().json()
        return ServedVersion(body["name"], body["version"], body["threshold"], body["engine"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def memory_mb(pid: int) -> float:
    """Return the memory that would be free without a process and those it started, in MB."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    used = 0
    for one in family:
        try:
            used += one.memory_full_info().uss
        except psutil.Error:
            continue  # it ended in the meantime
    return used / 1e6
