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


def wait_until_ready(base_url: str, *, seconds: float, check: Callable[[], None], hint: str) -> None:
    """Return once the service is ready with nothing missing, or after half the time, ready at all.

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
        if ready and (not missing or waited > seconds / 2):
            return
        if waited > seconds:
            lacks = f": without {', '.join(missing)}" if missing else ""
            raise SetupError(f"{base_url} is not ready after {seconds:.0f} s{lacks}", hint=hint)
        check()
        time.sleep(0.1)
