"""A late call is made once more, no more than that, and nobody is blamed or slowed down for it."""

import asyncio
from dataclasses import replace

import pytest

from orchestration_svc.adapters.contained_detector import ContainedDetector, Containment
from orchestration_svc.adapters.detector_fleet import build_fleet
from orchestration_svc.adapters.detectors.detect_secrets_plugins import SecretsDetector
from orchestration_svc.adapters.hedged_call import HedgeAllowance
from orchestration_svc.adapters.hedged_detectors import HedgeError, read_hedged
from orchestration_svc.adapters.shadowed_detector import ShadowedDetector
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    ReadyState,
)
from orchestration_svc.domain.detector_breaker import BreakerRule, BreakerState
from orchestration_svc.domain.run_detectors import run_detectors
from tests.unit.orchestration_svc.fakes import FakeDetector

TOO_LONG = DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
SERVER_ERROR = DetectorFault(DetectorStatus.FAILED, FailureReason.SERVER_ERROR)
Step = DetectorOutput | DetectorFault | SystemExit


class Steered:
    """Each call waits until the test says what becomes of it."""

    def __init__(self, *, hedge_after_ms: int = 1) -> None:
        info = DetectorInfo("d", "acme", "1", DetectorKind.REMOTE, frozenset({"text/plain"}), 60_000)
        self.info = replace(info, hedge_after_ms=hedge_after_ms)
        self.calls: list[asyncio.Future[Step]] = []
        self.cancelled: list[int] = []
        self.came = asyncio.Condition()

    def health(self) -> DetectorHealth:
        return DetectorHealth(ReadyState.READY)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        del text, timeout_s, context
        number = len(self.calls)
        self.calls.append(asyncio.get_running_loop().create_future())
        async with self.came:
            self.came.notify_all()
        try:
            step = await self.calls[number]
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if isinstance(step, BaseException):
            raise step
        return step

    async def called(self, times: int) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.calls) >= times)


class Events:
    def __init__(self) -> None:
        self.hedges: list[str] = []

    def breaker_state(self, detector: str, state: str) -> None: ...

    def detector_health(self, detector: str, *, healthy: bool) -> None: ...

    def health_check(self, detector: str, milliseconds: float) -> None: ...

    def shadow_run(self, detector: str, outcome: str) -> None: ...

    def hedged(self, detector: str, outcome: str) -> None:
        assert detector == "d"
        self.hedges.append(outcome)


class Fixture:
    def __init__(self, *, most: int = 8, failures: int = 5, has_room: bool = True) -> None:
        self.inner, self.events = Steered(), Events()
        limits = Containment(max_concurrency=most, retries=0, breaker=BreakerRule(failures, rest_s=0.0))
        self.detector = ContainedDetector(self.inner, limits, self.events, has_room=lambda: has_room)

    def ask(self) -> asyncio.Task[DetectorOutput]:
        return asyncio.create_task(self.detector.detect("text", timeout_s=60, context=CallContext()))

    def answer(self, number: int, step: Step | None = None) -> None:
        self.inner.calls[number].set_result(step or DetectorOutput([number]))


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("first_to_answer", "outcome"), [(1, "won"), (0, "lost")])
async def test_answer_that_is_there_first_is_used_and_the_other_call_ended(
    first_to_answer: int, outcome: str
) -> None:
    made = Fixture()
    asked = made.ask()
    await made.inner.called(2)
    made.answer(first_to_answer)
    assert (await asked).output == [first_to_answer]
    await turns()
    assert made.inner.cancelled == [1 - first_to_answer]
    assert made.events.hedges == [outcome]


async def test_call_that_is_not_late_is_made_once() -> None:
    made = Fixture()
    made.inner.info = replace(made.inner.info, hedge_after_ms=30_000)
    detector = ContainedDetector(made.inner, Containment(), made.events)
    asked = asyncio.create_task(detector.detect("text", timeout_s=60, context=CallContext()))
    await made.inner.called(1)
    made.answer(0)
    await asked
    assert (len(made.inner.calls), made.events.hedges) == (1, [])


async def test_failure_of_one_call_leaves_the_other_to_answer() -> None:
    for failed in (0, 1):
        made = Fixture(failures=1)
        asked = made.ask()
        await made.inner.called(2)
        made.answer(failed, SERVER_ERROR)
        await turns()
        made.answer(1 - failed)
        assert (await asked).output == [1 - failed]
        assert made.detector.breaker.state is BreakerState.CLOSED


async def test_two_failures_of_one_request_are_one_for_the_breaker() -> None:
    made = Fixture(failures=2)
    for request in range(2):
        assert made.detector.breaker.state is BreakerState.CLOSED
        asked = made.ask()
        await made.inner.called(2 * request + 2)
        made.answer(2 * request, SERVER_ERROR)
        made.answer(2 * request + 1, TOO_LONG)
        with pytest.raises(DetectorFault, match="server_error"):  # of the first call
            await asked
    assert made.detector.breaker.state is BreakerState.OPEN
    assert made.events.hedges == ["neither", "neither"]


async def test_second_call_takes_a_slot_and_is_left_out_where_none_is_free() -> None:
    made = Fixture(most=3)
    asked = [made.ask()]
    await made.inner.called(2)
    asked.append(made.ask())
    await made.inner.called(3)
    await asyncio.sleep(0.02)
    assert len(made.inner.calls) == 3
    made.answer(2)
    assert (await asked[1]).output == [2]
    assert made.events.hedges == ["no_room"]
    made.answer(1)
    await asked[0]


async def test_slots_are_free_again_after_every_way_a_hedged_call_can_end() -> None:
    made = Fixture(most=2)
    for request in range(3):
        asked = made.ask()
        await made.inner.called(2 * request + 2)
        if request == 0:
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            await turns()
            assert sorted(made.inner.cancelled) == [0, 1]
        else:
            made.answer(2 * request + 1, DetectorOutput([]) if request == 1 else SERVER_ERROR)
            if request == 2:
                made.answer(2 * request, SERVER_ERROR)
            await asyncio.wait({asked})
            await turns()
    assert made.events.hedges == ["neither", "won", "neither"]


async def test_detector_that_is_being_tried_after_an_outage_is_not_asked_twice() -> None:
    made = Fixture(failures=1)
    breaker = made.detector.breaker
    ticket = breaker.admit()
    assert ticket is not None
    ticket.end(good=False)
    breaker.found_well()
    assert breaker.state is BreakerState.HALF_OPEN
    asked = made.ask()
    await made.inner.called(1)
    await asyncio.sleep(0.02)
    assert len(made.inner.calls) == 1
    made.answer(0)
    await asked


async def test_shadow_is_asked_once_as_nobody_waits_for_it() -> None:
    made = Fixture()
    work = BackgroundWork()
    both = ShadowedDetector(FakeDetector("a"), made.detector, work, made.events, label="a")
    await both.detect("text", timeout_s=60, context=CallContext())
    await made.inner.called(1)
    await asyncio.sleep(0.02)
    assert len(made.inner.calls) == 1
    await work.close()


async def test_no_worker_free_means_no_second_call() -> None:
    made = Fixture(has_room=False)
    asked = made.ask()
    await made.inner.called(1)
    await asyncio.sleep(0.02)
    assert len(made.inner.calls) == 1
    made.answer(0)
    await asked
    assert made.events.hedges == ["no_room"]


async def test_plugin_that_exits_in_a_hedged_call_ends_its_call_and_not_the_service() -> None:
    made = Fixture()
    asked = asyncio.create_task(run_detectors([made.detector], "text"))
    await made.inner.called(2)
    made.answer(0, SystemExit(3))
    made.answer(1, SystemExit(3))
    (result,) = await asked
    assert (result.status, result.error) == (DetectorStatus.FAILED, FailureReason.CRASHED)


def test_when_everything_is_late_a_tenth_is_asked_twice_after_the_first_ten() -> None:
    allowance = HedgeAllowance()
    made = 0
    for _ in range(1_000):
        allowance.earn()
        made += allowance.spend()
    assert made in range(105, 111)


@pytest.mark.parametrize("written", ["presidio", "presidio=", "=3", "a=-1", "a=1,a=2", "a=1.5"])
def test_setting_that_is_no_list_of_names_and_milliseconds_is_refused(written: str) -> None:
    with pytest.raises(HedgeError):
        read_hedged(written)


@pytest.mark.parametrize(
    ("hedged", "workers", "why"),
    [
        ({"nobody": 5}, 2, "no detector 'nobody' is installed"),
        ({"detect_secrets": 5}, 1, "has one worker"),
        ({"detect_secrets": 2_000}, 2, "whole 2000 ms"),
    ],
)
def test_installed_detector_that_cannot_be_hedged_is_named_at_the_start(
    hedged: dict[str, int], workers: int, why: str
) -> None:
    with pytest.raises(HedgeError, match=why):
        build_fleet(hedged=hedged, workers=workers)


def test_plugin_that_does_not_say_so_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SecretsDetector, "repeatable")
    with pytest.raises(HedgeError, match="repeatable"):
        build_fleet(hedged={"detect_secrets": 5}, workers=2)


def test_hedged_installed_detector_says_after_when() -> None:
    fleet = build_fleet(hedged=read_hedged("detect_secrets=250, presidio_analyzer=400"), workers=2)
    assert {one.info.name: one.info.hedge_after_ms for one in fleet.all() if one.info.hedge_after_ms} == {
        "detect_secrets": 250,
        "presidio_analyzer": 400,
    }
