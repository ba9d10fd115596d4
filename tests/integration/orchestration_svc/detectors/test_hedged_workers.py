"""A text that is late in one worker is shown to another one only while that one has nothing to do."""

import asyncio
from pathlib import Path

import pytest

from orchestration_svc.adapters.detector_fleet import DetectorFleet
from orchestration_svc.adapters.detector_host import ProcessDetector
from orchestration_svc.adapters.registered_detectors import ContainedFleet
from orchestration_svc.domain.detection import CallContext, DetectorInfo, DetectorKind, DetectorOutput
from tests.unit.orchestration_svc.detectors.test_hedged_calls import Events

FAULTY = Path(__file__).parents[4] / "tests" / "data" / "faulty_detectors"
TEXT = frozenset({"text/plain"})


async def test_second_call_goes_to_an_idle_worker_and_to_none_that_is_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(FAULTY))
    info = DetectorInfo("d", "acme", "1", DetectorKind.PROCESS, TEXT, 20_000, hedge_after_ms=20)
    workers = ProcessDetector(info, "faulty_detectors:Obedient", workers=2)
    events = Events()
    (detector,) = ContainedFleet(DetectorFleet([workers]), events).all()
    assert not workers.has_free_worker()

    async def ask() -> DetectorOutput:
        return await detector.detect("sleep 0.5", timeout_s=20, context=CallContext())

    workers.start()
    try:
        async with asyncio.timeout(30):
            while len(workers.health().worker_pids) < 2:  # noqa: ASYNC110 - starting raises no event
                await asyncio.sleep(0.01)
        await asyncio.gather(ask(), ask())
        assert events.hedges == ["no_room", "no_room"]
        await ask()
        assert events.hedges[2:] in (["won"], ["lost"])
    finally:
        await workers.close()
