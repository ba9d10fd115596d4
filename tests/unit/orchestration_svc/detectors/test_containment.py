"""A detector that fails is left alone and comes back by itself; only its own faults are held against it."""

import asyncio

import pytest

from orchestration_svc.adapters.contained_detector import ContainedDetector, Containment
from orchestration_svc.adapters.detector_probes import DetectorProbes
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
from orchestration_svc.domain.detector_breaker import Breaker, BreakerRule, BreakerState
from orchestration_svc.domain.detector_split import Arm, draw_arm

UNREACHABLE = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE)
SERVER_ERROR = DetectorFault(DetectorStatus.FAILED, FailureReason.SERVER_ERROR)
GARBAGE = DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_NOT_JSON)
TOO_LONG = DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
REFUSED = DetectorFault(DetectorStatus.FAILED, FailureReason.REFUSED)
DIED = DetectorFault(DetectorStatus.FAILED, FailureReason.WORKER_DIED)


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Scripted:
    """Raises what `faults` hold, one after the other, then finds nothing; `gate` holds every call up."""

    def __init__(self, *faults: DetectorFault, kind: DetectorKind = DetectorKind.REMOTE) -> None:
        self.info = DetectorInfo("d", "acme", "1", kind, frozenset({"text/plain"}), 1_000)
        self.faults = list(faults)
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.called_six_times = asyncio.Event()

    def health(self) -> DetectorHealth:
        return DetectorHealth(ReadyState.READY)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        del text, timeout_s, context
        self.calls += 1
        if self.calls == 6:
            self.called_six_times.set()
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        return DetectorOutput([])

    async def check(self) -> None:
        await self.detect("", timeout_s=1, context=CallContext())


class Events:
    def __init__(self) -> None:
        self.states: list[str] = []
        self.healthy: bool | None = None

    def breaker_state(self, detector: str, state: str) -> None:
        del detector
        self.states.append(state)

    def detector_health(self, detector: str, *, healthy: bool) -> None:
        del detector
        self.healthy = healthy

    def health_check(self, detector: str, milliseconds: float) -> None:
        del detector, milliseconds

    def hedged(self, detector: str, outcome: str) -> None:
        del detector, outcome


def contained(
    inner: Scripted, *, retries: int = 0, most: int = 32, probed: bool = False
) -> ContainedDetector:
    limits = Containment(max_concurrency=most, retries=retries)
    return ContainedDetector(inner, limits, Events(), check=inner.check if probed else None)


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def ask(detector: ContainedDetector, timeout_s: float = 1.0) -> DetectorStatus:
    try:
        await detector.detect("text", timeout_s=timeout_s, context=CallContext())
    except DetectorFault as fault:
        return fault.status
    return DetectorStatus.SUCCESS


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        ticket = breaker.admit()
        assert ticket is not None
        ticket.end(good=False)


def test_breaker_opens_after_five_failures_in_a_row_and_lets_three_try_after_a_minute() -> None:
    clock, states = Clock(), list[str]()
    breaker = Breaker(clock=clock, on_state=states.append)
    fail(breaker, 4)
    good = breaker.admit()
    assert good is not None
    good.end(good=True)
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker, 1)
    assert breaker.admit() is None
    clock.time = 59.9
    assert breaker.admit() is None
    assert breaker.opens_in_s == pytest.approx(0.1)
    clock.time = 60.0
    trials = [breaker.admit() for _ in range(4)]
    assert [one is not None for one in trials] == [True, True, True, False]
    for one in trials[:3]:
        assert one is not None
        one.end(good=True)
    assert states == ["open", "half_open", "closed"]


def test_one_failed_trial_opens_it_again_and_late_answers_change_nothing() -> None:
    clock = Clock()
    breaker = Breaker(BreakerRule(failures=2), clock=clock)
    late = breaker.admit()
    fail(breaker, 2)
    clock.time = 60.0
    first, second = breaker.admit(), breaker.admit()
    assert late is not None
    assert first is not None
    assert second is not None
    first.end(good=False)
    second.end(good=True)
    late.end(good=True)
    assert breaker.state is BreakerState.OPEN


def test_trial_that_says_nothing_frees_its_place() -> None:
    clock = Clock()
    breaker = Breaker(BreakerRule(failures=1, trials=1), clock=clock)
    fail(breaker, 1)
    clock.time = 60.0
    first = breaker.admit()
    assert first is not None
    assert breaker.admit() is None
    first.end(good=None)
    assert breaker.admit() is not None


@pytest.mark.parametrize("fault", [UNREACHABLE, SERVER_ERROR, GARBAGE, TOO_LONG])
async def test_five_failures_of_any_kind_spare_it_the_sixth_call(fault: DetectorFault) -> None:
    inner = Scripted(*[fault] * 5)
    detector = contained(inner)
    assert [await ask(detector) for _ in range(6)] == [fault.status] * 5 + [DetectorStatus.CIRCUIT_OPEN]
    assert inner.calls == 5
    health = detector.health()
    assert (health.state, health.reason, health.breaker) == (
        ReadyState.UNAVAILABLE,
        FailureReason.CIRCUIT_OPEN,
        "open",
    )


async def test_text_that_a_server_refuses_does_not_take_it_from_the_others() -> None:
    detector = contained(Scripted(*[REFUSED] * 20))
    assert {await ask(detector) for _ in range(20)} == {DetectorStatus.FAILED}
    assert await ask(detector) is DetectorStatus.SUCCESS


async def test_callers_in_haste_do_not_open_the_breaker() -> None:
    detector = contained(Scripted(*[TOO_LONG] * 20))
    assert {await ask(detector, 0.5) for _ in range(20)} == {DetectorStatus.TIMEOUT}
    assert await ask(detector) is DetectorStatus.SUCCESS


async def test_long_texts_do_not_open_the_breaker_of_a_process_but_dying_does() -> None:
    slow = contained(Scripted(*[TOO_LONG] * 20, kind=DetectorKind.PROCESS))
    assert {await ask(slow) for _ in range(20)} == {DetectorStatus.TIMEOUT}
    dying = contained(Scripted(*[DIED] * 5, kind=DetectorKind.PROCESS))
    assert [await ask(dying) for _ in range(6)][-1] is DetectorStatus.CIRCUIT_OPEN


@pytest.mark.parametrize(
    ("fault", "calls", "status"),
    [
        (UNREACHABLE, 2, DetectorStatus.SUCCESS),
        (SERVER_ERROR, 1, DetectorStatus.FAILED),
        (TOO_LONG, 1, DetectorStatus.TIMEOUT),
        (GARBAGE, 1, DetectorStatus.UNPARSED),
    ],
)
async def test_only_a_connection_that_broke_is_tried_again(
    fault: DetectorFault, calls: int, status: DetectorStatus
) -> None:
    inner = Scripted(fault)
    assert await ask(contained(inner, retries=1), 5.0) is status
    assert inner.calls == calls


async def test_full_bulkhead_turns_the_next_away_at_once_and_nobody_is_blamed() -> None:
    inner = Scripted()
    inner.gate.clear()
    detector = contained(inner, most=2)
    waiting = [asyncio.create_task(ask(detector, 30.0)) for _ in range(4)]
    await turns()
    with pytest.raises(DetectorFault) as caught:
        await detector.detect("text", timeout_s=30.0, context=CallContext())
    assert caught.value.reason is FailureReason.TOO_MANY_CALLS
    assert await ask(detector, 30.0) is DetectorStatus.UNAVAILABLE
    inner.gate.set()
    assert set(await asyncio.gather(*waiting)) == {DetectorStatus.SUCCESS}
    assert detector.health().breaker == "closed"


async def test_cancelled_caller_leaves_no_slot_taken() -> None:
    inner = Scripted()
    inner.gate.clear()
    detector = contained(inner, most=1)
    task = asyncio.create_task(ask(detector, 30.0))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    inner.gate.set()
    assert await ask(detector, 30.0) is DetectorStatus.SUCCESS


async def test_two_failed_probes_put_it_out_without_traffic_and_one_good_one_brings_it_back() -> None:
    inner = Scripted(GARBAGE, GARBAGE)
    detector = contained(inner, probed=True)
    assert await detector.probe(1) is False
    assert detector.health().state is ReadyState.READY
    assert await detector.probe(1) is False
    assert detector.health().reason is FailureReason.ANSWER_NOT_JSON
    calls = inner.calls
    assert await ask(detector) is DetectorStatus.UNAVAILABLE
    assert inner.calls == calls
    assert await detector.probe(1) is True
    assert await ask(detector) is DetectorStatus.SUCCESS


async def test_probe_that_hangs_is_a_failed_one() -> None:
    inner = Scripted()
    inner.gate.clear()
    detector = contained(inner, probed=True)
    assert [await detector.probe(0.01) for _ in range(2)] == [False, False]
    assert detector.health().reason is FailureReason.RAN_TOO_LONG


async def test_probes_go_on_by_themselves_until_it_is_well() -> None:
    inner = Scripted(GARBAGE, GARBAGE, GARBAGE)
    detector = contained(inner, probed=True)
    probes = DetectorProbes(lambda: [detector], interval_s=0.02, soon_s=0.01, timeout_s=1)
    task = asyncio.create_task(probes.run())
    await inner.called_six_times.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert detector.health().state is ReadyState.READY


@pytest.mark.parametrize(("draw", "version"), [(0.0, "1"), (0.899, "1"), (0.9, "2"), (0.999, "2")])
def test_each_version_gets_its_share_of_the_draws(draw: float, version: str) -> None:
    arms = [Arm("1", 90, None), Arm("2", 10, None), Arm("3", 0, None)]
    arm = draw_arm(arms, draw)
    assert arm is not None
    assert arm.version == version
    assert draw_arm([Arm("3", 0, None)], draw) is None


def fail_until_open(breaker: Breaker) -> None:
    for _ in range(5):
        ticket = breaker.admit()
        assert ticket is not None
        ticket.end(good=False)


def test_breaker_of_a_detector_that_a_probe_finds_well_lets_calls_try_it_before_the_minute_is_over() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    fail_until_open(breaker)
    breaker.found_well()
    assert breaker.state.value == "open"  # it has not rested yet
    clock.time += 2.0
    breaker.found_well()
    assert breaker.state.value == "half_open"  # not closed: three calls have to succeed


def test_each_relapse_doubles_the_rest_up_to_the_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    fail_until_open(breaker)
    for rest_s in (2, 4, 8, 16, 32, 60, 60):
        clock.time += rest_s - 0.25
        breaker.found_well()
        assert breaker.state.value == "open"
        clock.time += 0.25
        breaker.found_well()
        assert breaker.state.value == "half_open"
        trial = breaker.admit()
        assert trial is not None
        trial.end(good=False)


def test_probe_that_finds_it_well_changes_nothing_while_the_breaker_is_closed() -> None:
    breaker = Breaker(clock=Clock())
    breaker.found_well()
    assert breaker.state is BreakerState.CLOSED


async def test_probes_alone_bring_a_detector_back_that_nobody_calls() -> None:
    inner, events = Scripted(*[SERVER_ERROR] * 5), Events()
    limits = Containment(breaker=BreakerRule(rest_s=0.0))
    detector = ContainedDetector(inner, limits, events, check=inner.check)
    for _ in range(5):
        with pytest.raises(DetectorFault):
            await detector.detect("x", timeout_s=1, context=CallContext())
    assert detector.breaker.state.value == "open"
    for _ in range(4):
        assert await detector.probe(1)
    assert detector.breaker.state.value == "closed"


async def test_time_that_ran_out_because_this_process_was_busy_is_not_held_against_the_detector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    skipped = 0.0

    class Busy(Scripted):
        async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
            nonlocal skipped
            del text, context
            skipped += timeout_s + 0.2  # the loop comes round again long after the time ran out
            raise TOO_LONG

    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + skipped)
    detector = ContainedDetector(Busy(), Containment(), Events())
    for _ in range(6):
        with pytest.raises(DetectorFault, match="ran_too_long"):
            await detector.detect("x", timeout_s=1, context=CallContext())
    assert detector.breaker.state is BreakerState.CLOSED
