"""Long texts of a plugin that looks at them window by window, in real workers."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orchestration_svc.adapters.detector_host import ProcessDetector
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
)
from orchestration_svc.domain.run_detectors import run_detectors

FAULTY = Path(__file__).parents[4] / "tests" / "data" / "faulty_detectors"
# A hundred windows of 30 ms: 3 s of work.
LONG = ";".join(["sleep 0.03"] * 100)

Make = Callable[..., ProcessDetector]


@pytest.fixture
async def started(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    monkeypatch.syspath_prepend(str(FAULTY))
    open_ones: list[ProcessDetector] = []

    def start(**options: float) -> ProcessDetector:
        info = DetectorInfo(
            "windowed", "acme", "1", DetectorKind.PROCESS, frozenset({"text/plain"}), timeout_ms=10_000
        )
        made = ProcessDetector(info, "faulty_detectors:Windowed", **options)  # type: ignore[arg-type]
        made.start()
        open_ones.append(made)
        return made

    yield start
    await asyncio.gather(*(one.close() for one in open_ones))


async def ask(one: ProcessDetector, text: str, timeout_s: float = 5.0) -> DetectorOutput:
    return await one.detect(text, timeout_s=timeout_s, context=CallContext())


async def fault_of(one: ProcessDetector, text: str, timeout_s: float = 5.0) -> DetectorFault:
    with pytest.raises(DetectorFault) as caught:
        await ask(one, text, timeout_s)
    return caught.value


def pid_of(one: ProcessDetector) -> int:
    (pid,) = one.health().worker_pids
    return pid


async def test_the_windows_of_one_text_are_joined_once_each(started: Make) -> None:
    text = ";".join(["sleep 0.02"] * 9)
    assert (await ask(started(), text)).output == {"label": "safe", "length": len(text), "windows": 9}


async def test_an_abandoned_text_frees_its_worker_within_a_window(started: Make) -> None:
    one = started()
    await one.settled()
    pid = pid_of(one)
    fault = await fault_of(one, LONG, 0.2)
    assert (fault.status, fault.reason) == (DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    before = time.perf_counter()
    assert (await ask(one, "hello", 8.0)).output["windows"] == 1
    assert time.perf_counter() - before < 2.0
    assert (pid_of(one), one.health().restarts) == (pid, 0)


async def test_windows_seen_before_the_time_was_up_are_no_result(started: Make) -> None:
    one = started()
    await one.settled()
    (result,) = await run_detectors([one], LONG, limit_s=0.2)
    assert (result.status, result.output, result.confidence) == (DetectorStatus.TIMEOUT, None, None)


async def test_a_short_text_is_answered_while_long_ones_are_under_way(started: Make) -> None:
    one = started()
    await one.settled()
    long_ones = [asyncio.create_task(ask(one, LONG, 20.0)) for _ in range(3)]
    await asyncio.sleep(0.1)
    before = time.perf_counter()
    await ask(one, "hello", 8.0)
    # Behind a slice of each of the three, not behind nine seconds of work.
    assert time.perf_counter() - before < 4.0
    assert not any(call.done() for call in long_ones)
    for call in long_ones:
        call.cancel()
    await asyncio.gather(*long_ones, return_exceptions=True)


async def test_long_texts_share_a_worker_and_all_are_answered_in_full(started: Make) -> None:
    one = started()
    texts = [";".join(["sleep 0.01"] * count) for count in (20, 21, 22)]
    said = await asyncio.gather(*(ask(one, text, 10.0) for text in texts))
    assert [answer.output["windows"] for answer in said] == [20, 21, 22]


async def test_a_window_that_hangs_costs_its_worker_long_before_the_detectors_timeout(started: Make) -> None:
    one = started(window_limit_s=0.3)
    await one.settled()
    hung = pid_of(one)
    before = time.perf_counter()
    fault = await fault_of(one, "hello;spin;hello", 5.0)
    assert time.perf_counter() - before < 4.5
    assert (fault.status, fault.reason) == (DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    assert (await ask(one, "hello")).output["windows"] == 1
    assert pid_of(one) != hung


async def test_a_long_text_survives_what_another_text_does_to_the_worker(started: Make) -> None:
    one = started()
    await one.settled()
    pid = pid_of(one)
    long_one = asyncio.create_task(ask(one, ";".join(["sleep 0.03"] * 30), 10.0))
    await asyncio.sleep(0.1)
    assert (await fault_of(one, "exit")).reason is FailureReason.WORKER_DIED
    assert (await long_one).output["windows"] == 30
    assert pid_of(one) != pid


async def test_a_worker_killed_at_a_window_fails_that_call(started: Make) -> None:
    one = started()
    await one.settled()
    call = asyncio.create_task(fault_of(one, "sleep 2;hello"))
    await asyncio.sleep(0.1)
    os.kill(pid_of(one), signal.SIGKILL)
    assert (await call).reason is FailureReason.WORKER_DIED


async def test_a_fault_in_one_window_fails_the_call_and_is_not_passed_over(started: Make) -> None:
    fault = await fault_of(started(), "hello;raise canary;hello")
    assert (fault.status, fault.reason) == (DetectorStatus.FAILED, FailureReason.CRASHED)
    assert "canary" not in repr(fault)
