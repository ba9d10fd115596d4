"""Liveness and readiness. Alive means the process answers; ready means it can do its work."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from litestar import Controller, Response, get
from litestar.openapi import ResponseSpec

from orchestration_svc.api.injected import Injected

_PROBE_LIMIT_S = 1.5


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
    async def ready(self, probes: Injected[tuple[Probe, ...]]) -> Response[Readiness]:
        """Answer 200 when ready or degraded, 503 when a critical dependency is down."""
        states = await asyncio.gather(*(_ask(probe) for probe in probes))
        by_name = {probe.name: state for probe, state in zip(probes, states, strict=True)}
        down = [state for state in states if state.status == "down"]
        unavailable = any(state.critical for state in down)
        status: Literal["ready", "degraded", "unavailable"] = (
            "unavailable" if unavailable else "degraded" if down else "ready"
        )
        return Response(Readiness(status, by_name), status_code=503 if unavailable else 200)
