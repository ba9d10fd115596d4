"""Whether the services can do their work, as their own /health/ready says."""

import time
from collections.abc import Callable

import httpx

from deploy.local.failure import SetupError


def readiness(base_url: str) -> tuple[bool, list[str]]:
    """Return whether a service is ready, and the names of the dependencies that it says are down."""
    try:
        answer = httpx.get(f"{base_url}/health/ready", timeout=3, trust_env=False)
        dependencies = answer.json()["dependencies"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False, []
    return answer.is_success, [name for name, found in dependencies.items() if found["status"] != "up"]


LATER = frozenset({"model"})
"""Dependencies that nobody waits for: the model server is started last, and rules answer meanwhile."""


def wait_until_ready(base_url: str, *, seconds: float, check: Callable[[], None], hint: str) -> None:
    """Return once the service is ready with all that it wants by now, or after half the time, ready at all.

    Args:
        base_url: of the service.
        seconds: how long to wait.
        check: called between attempts; raises when waiting has become pointless.
        hint: what to look at when it does not become ready.

    Raises:
        SetupError: it is not ready in time; names what it misses.
    """
    begun = time.monotonic()
    while True:
        ready, missing = readiness(base_url)
        waited = time.monotonic() - begun
        if ready and (LATER.issuperset(missing) or waited > seconds / 2):
            return
        if waited > seconds:
            lacks = f": without {', '.join(missing)}" if missing else ""
            raise SetupError(f"{base_url} is not ready after {seconds:.0f} s{lacks}", hint=hint)
        check()
        time.sleep(0.1)


def wait_for_detectors(
    base_url: str, token: str, *, seconds: float, check: Callable[[], None]
) -> dict[str, str]:
    """Return the state of each detector once none is still loading, or when the time is up.

    Args:
        base_url: of orchestration_svc.
        token: one that may read the detectors.
        seconds: how long to wait; a detector that takes longer is no reason to keep the rest from working.
        check: called between attempts; raises when waiting has become pointless.
    """
    begun = time.monotonic()
    while True:
        answer = httpx.get(
            f"{base_url}/api/v1/detectors",
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
            trust_env=False,
        )
        found = answer.json().get("detectors", []) if answer.is_success else []
        states = {str(one["name"]): str(one["state"]) for one in found}
        settled = answer.is_success and "starting" not in states.values()
        if settled or time.monotonic() - begun > seconds:
            return states
        check()
        time.sleep(0.2)
