import asyncio

import pytest

from orchestration_svc.adapters.detector_fleet import DetectorFleet, build_fleet
from orchestration_svc.adapters.detectors.fms_http import HttpDetectorConfig
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.adapters.remote_detector import BrokenDetector, RemoteDetector
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    ReadyState,
)
from orchestration_svc.domain.run_detectors import run_detectors

INSTALLED = ["alt_profanity_check", "detect_secrets", "presidio_analyzer", "prompt_guardrail"]


class ScriptedPlugin:
    """Goes through a list of answers; the first of them is a DetectorFault or a delay in seconds."""

    name = "scripted"
    vendor = "acme"
    version = "1"
    content_types = frozenset({"text/plain"})
    timeout_ms = 100

    def __init__(self, *script: DetectorFault | float) -> None:
        self.script = list(script)
        self.closed = False

    async def detect_remote(self, text: str, context: CallContext) -> DetectorOutput:
        del text, context
        step = self.script.pop(0)
        if isinstance(step, DetectorFault):
            raise step
        await asyncio.sleep(step)
        return DetectorOutput([])

    async def close(self) -> None:
        self.closed = True


def remote(plugin: ScriptedPlugin) -> RemoteDetector:
    info = DetectorInfo("scripted", "acme", "1", DetectorKind.REMOTE, frozenset({"text/plain"}), 100)
    return RemoteDetector(info, plugin)


async def status_of(detector: RemoteDetector) -> DetectorStatus:
    (result,) = await run_detectors([detector], "text")
    return result.status


async def test_a_remote_detectors_health_follows_its_last_call() -> None:
    unreachable = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE)
    refused = DetectorFault(DetectorStatus.FAILED, FailureReason.REFUSED)
    one = remote(ScriptedPlugin(0.0, unreachable, refused, 5.0, 0.0))
    seen = [(await status_of(one), one.health().state) for _ in range(5)]
    assert seen == [
        (DetectorStatus.SUCCESS, ReadyState.READY),
        (DetectorStatus.UNAVAILABLE, ReadyState.UNAVAILABLE),
        (DetectorStatus.FAILED, ReadyState.READY),
        (DetectorStatus.TIMEOUT, ReadyState.READY),
        (DetectorStatus.SUCCESS, ReadyState.READY),
    ]


async def test_a_fleet_closes_what_it_holds() -> None:
    plugin = ScriptedPlugin()
    fleet = DetectorFleet([remote(plugin), BrokenDetector("broken", "no module")])
    fleet.start()
    assert await fleet.settled(1)
    await fleet.close()
    assert plugin.closed


async def test_an_installed_detector_that_cannot_be_used_is_listed_and_answers_unavailable() -> None:
    fleet = DetectorFleet([BrokenDetector("broken", "ModuleNotFoundError: spam")])
    (one,) = fleet.all()
    health = one.health()
    assert (health.state, health.reason) == (ReadyState.UNAVAILABLE, FailureReason.NOT_INSTALLED)
    assert health.detail == "ModuleNotFoundError: spam"
    (result,) = await run_detectors([one], "text")
    assert (result.status, result.error) == (DetectorStatus.UNAVAILABLE, FailureReason.NOT_INSTALLED)


async def test_installed_and_configured_detectors_stand_side_by_side_by_name() -> None:
    config = HttpDetectorConfig(
        "hap", "http://detector.test", "granite-hap", vendor="ibm_granite_guardian_hap"
    )
    fleet = build_fleet(http_detectors=[config], client=OutboundClient(AnyAddress(), max_connections=1))
    found = {one.info.name: one.info for one in fleet.all()}
    assert list(found) == sorted(found)
    assert {*INSTALLED, "hap"} <= found.keys()
    assert found["hap"].kind is DetectorKind.REMOTE
    assert found["hap"].vendor == "ibm_granite_guardian_hap"
    assert found["detect_secrets"].kind is DetectorKind.PROCESS
    assert fleet.get("no_such") is None


async def test_a_configured_detector_cannot_take_an_installed_ones_name() -> None:
    config = HttpDetectorConfig("detect_secrets", "http://detector.test", "x")
    client = OutboundClient(AnyAddress(), max_connections=1)
    with pytest.raises(ValueError, match="'detect_secrets'"):
        build_fleet(http_detectors=[config], client=client)


def test_remote_detectors_without_a_client_are_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="HTTP client"):
        build_fleet(http_detectors=[HttpDetectorConfig("hap", "http://x", "y")], disabled=INSTALLED)


async def test_a_detector_that_was_not_started_is_unavailable() -> None:
    one = build_fleet().get("detect_secrets")
    assert one is not None
    assert one.health().reason is FailureReason.STOPPED
    with pytest.raises(DetectorFault) as caught:
        await one.detect("text", timeout_s=1, context=CallContext())
    assert caught.value.status is DetectorStatus.UNAVAILABLE
