"""Detectors that do what a test tells them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    ReadyState,
)

Behaviour = Callable[[str], Awaitable[DetectorOutput]]


async def finds_a_secret(_: str) -> DetectorOutput:
    return DetectorOutput([{"type": "AWS Access Key", "start": 0, "end": 20}])


async def finds_an_address(_: str) -> DetectorOutput:
    return DetectorOutput([{"entity_type": "EMAIL_ADDRESS", "start": 0, "end": 4, "score": 1.0}])


async def crashes_with_the_text(text: str) -> DetectorOutput:
    raise ValueError(f"cannot read {text}")


async def hangs(_: str) -> DetectorOutput:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits for so long")


class ScriptedDetector:
    """One detector; `behaviour` is what it does with a text."""

    def __init__(self, name: str, behaviour: Behaviour) -> None:
        self._info = DetectorInfo(name, name, "1", DetectorKind.PROCESS, frozenset({"text/plain"}), 200)
        self.behaviour = behaviour

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def health(self) -> DetectorHealth:
        return DetectorHealth(ReadyState.READY)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        del context
        async with asyncio.timeout(timeout_s):
            return await self.behaviour(text)


class ScriptedDirectory:
    """The two detectors that the policy `privacy` names; `put_back` ends what a test changed."""

    def __init__(self) -> None:
        self._detectors: dict[str, ScriptedDetector] = {}
        self.put_back()

    def put_back(self) -> None:
        behaviours = {"detect_secrets": finds_a_secret, "presidio_analyzer": finds_an_address}
        self._detectors = {name: ScriptedDetector(name, does) for name, does in behaviours.items()}

    def let(self, name: str, behaviour: Behaviour) -> None:
        self._detectors[name].behaviour = behaviour

    async def of(self, tenant_id: UUID) -> "ScriptedDirectory":  # noqa: ARG002
        return self

    def get(self, name: str) -> Detector | None:
        return self._detectors.get(name)

    def all(self) -> Sequence[Detector]:
        return [self._detectors[name] for name in sorted(self._detectors)]
