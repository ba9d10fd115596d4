"""Liveness and readiness. Alive means the process answers; ready means it can do its work."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec

from mapper_svc.api.injected import Injected

_PROBE_LIMIT_S = 1.5
_KEPT_S = 1.0


class Probe(msgspec.Struct, frozen=True):
    """How to ask one dependency. Without a critical one the service is not ready, else only degraded."""

    name: str
    check: Callable[[], Awaitable[None]]
    critical: bool


class DependencyState(msgspec.Struct, frozen=True):
    """What one dependency answered."""

    status: Literal["up", "down"]
    critical: bool
    latency_ms: float
    reason: str | None = None


class Readiness(msgspec.Struct, frozen=True):
    """Whether work can be done, and what stands in its way."""

    status: Literal["ready", "degraded", "unavailable"]
    dependencies: dict[str, DependencyState]


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"]


async def _ask(probe: Probe) -> DependencyState:
    started = time.perf_counter()
    reason = None
    try:
        async with asyncio.timeout(_PROBE_LIMIT_S):
            await probe.check()
    except Exception as error:  # noqa: BLE001 - a probe's failure of any kind is the answer
        reason = type(error).__name__
    latency = round((time.perf_counter() - started) * 1000, 2)
    return DependencyState("down" if reason else "up", probe.critical, latency, reason)


class ReadinessCheck:
    """Asks every dependency, once a second at most: anybody may call /health/ready as often as they like."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = probes
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._last: Readiness | None = None

    async def __call__(self) -> Readiness:
        """Tell how the dependencies are, or were within the last second."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._asked_at >= _KEPT_S:
                self._last = await self._ask_all()
                self._asked_at = time.monotonic()
            return self._last

    async def _ask_all(self) -> Readiness:
        states = await asyncio.gather(*(_ask(probe) for probe in self._probes))
        down = [state for state in states if state.status == "down"]
        status: Literal["ready", "degraded", "unavailable"] = "degraded" if down else "ready"
        if any(state.critical for state in down):
            status = "unavailable"
        return Readiness(
            status, {probe.name: state for probe, state in zip(self._probes, states, strict=True)}
        )


class HealthController(Controller):
    """GET /health/live and /health/ready; both need no token and tell no secret."""

    path = "/health"
    tags = ("health",)

    @get("/live", summary="Is the process alive?", security=[{}])
    async def live(self) -> Liveness:
        """Answer 200 while the process can answer at all."""
        return Liveness("alive")

    @get(
        "/ready",
        summary="Can it do its work?",
        security=[{}],
        responses={503: ResponseSpec(Readiness, generate_examples=False, description="It cannot")},
    )
    async def ready(self, readiness: Injected[ReadinessCheck]) -> Response[Readiness]:
        """Answer 200 when ready or degraded, 503 when a critical dependency is down."""
        found = await readiness()
        return Response(found, status_code=503 if found.status == "unavailable" else 200)
