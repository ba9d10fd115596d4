import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orchestration_svc.adapters.detector_fleet import DetectorFleet
from orchestration_svc.adapters.detector_host import ProcessDetector
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

ROOT = Path(__file__).parents[4]
FAULTY = ROOT / "tests" / "data" / "faulty_detectors"
CANARY = "canary-7f3a-of-the-content"

Make = Callable[..., ProcessDetector]


def detector(plugin: str = "Obedient", *, timeout_ms: int = 1_000, **options: float) -> ProcessDetector:
    info = DetectorInfo(
        plugin.lower(), "acme", "1", DetectorKind.PROCESS, frozenset({"text/plain"}), timeout_ms
    )
    return ProcessDetector(info, f"faulty_detectors:{plugin}", **options)  # type: ignore[arg-type]


@pytest.fixture
async def started(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    monkeypatch.syspath_prepend(str(FAULTY))
    open_ones: list[ProcessDetector] = []

    def start(*args: str, **options: float) -> ProcessDetector:
        made = detector(*args, **options)  # type: ignore[arg-type]
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


async def until(true: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - the process table raises no event
            await asyncio.sleep(0.01)


def pid_of(one: ProcessDetector) -> int:
    (pid,) = one.health().worker_pids
    return pid


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_a_call_before_the_worker_is_ready_waits_for_it(started: Make) -> None:
    one = started()
    assert one.health().state is ReadyState.STARTING
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}
    assert one.health().state is ReadyState.READY


async def test_a_hang_is_a_timeout_and_its_worker_is_replaced(started: Make) -> None:
    one = started(timeout_ms=200)
    await one.settled()
    hung = pid_of(one)
    fault = await fault_of(one, "spin", 0.2)
    assert (fault.status, fault.reason) == (DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    await until(lambda: not runs(hung))
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}
    assert pid_of(one) != hung
    assert one.health().restarts == 1


async def test_the_event_loop_goes_on_while_a_worker_hangs(started: Make) -> None:
    one = started(timeout_ms=3_000)
    await one.settled()
    hanging = asyncio.create_task(fault_of(one, "spin", 3.0))
    longest = 0.0
    while not hanging.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before)
    assert longest < 1.0


async def test_a_killed_worker_fails_its_call_only_and_comes_back(started: Make) -> None:
    one = started()
    await one.settled()
    call = asyncio.create_task(fault_of(one, "sleep 30"))
    waiting = asyncio.create_task(ask(one, "next"))
    await asyncio.sleep(0.05)
    os.kill(pid_of(one), signal.SIGKILL)
    fault = await call
    assert (fault.status, fault.reason) == (DetectorStatus.FAILED, FailureReason.WORKER_DIED)
    assert (await waiting).output == {"label": "safe", "length": 4}


async def test_a_worker_killed_while_idle_is_replaced(started: Make) -> None:
    one = started()
    await ask(one, "hello")
    killed = pid_of(one)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: one.health().worker_pids not in {(killed,), ()})
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}


async def test_workers_that_die_again_and_again_are_replaced_ever_more_slowly(started: Make) -> None:
    one = started()
    assert (await fault_of(one, "exit")).reason is FailureReason.WORKER_DIED
    assert (await fault_of(one, "exit")).reason is FailureReason.WORKER_DIED
    await until(lambda: one.health().state is ReadyState.UNAVAILABLE)
    fault = await fault_of(one, "hello")
    assert (fault.status, fault.reason) == (DetectorStatus.UNAVAILABLE, FailureReason.WORKER_DIED)
    await until(lambda: one.health().state is ReadyState.READY)
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}


async def test_a_text_that_crashes_the_library_fails_its_call_only(started: Make) -> None:
    one = started()
    await ask(one, "hello")
    assert (await fault_of(one, "exit")).reason is FailureReason.WORKER_DIED
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}


@pytest.mark.parametrize("order", ["raise", "object"])
async def test_a_fault_in_a_plugin_leaves_its_worker_running_and_says_nothing_of_the_text(
    started: Make, order: str
) -> None:
    one = started()
    await one.settled()
    pid = pid_of(one)
    fault = await fault_of(one, f"{order} {CANARY}")
    assert (fault.status, fault.reason) == (DetectorStatus.FAILED, FailureReason.CRASHED)
    assert CANARY not in repr(fault)
    assert pid_of(one) == pid


async def test_a_library_that_prints_harms_nothing_and_prints_nowhere(
    started: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    one = started()
    assert (await ask(one, f"print {CANARY}")).output["label"] == "safe"
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}
    said = capfd.readouterr()
    assert CANARY not in said.out + said.err


async def test_a_worker_that_was_only_busy_is_not_killed(started: Make) -> None:
    one = started(timeout_ms=5_000)
    await one.settled()
    pid = pid_of(one)
    # The caller had little time; the detector may take more.
    fault = await fault_of(one, "sleep 0.4", 0.1)
    assert (fault.status, fault.reason) == (DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    assert (await ask(one, "hello")).output == {"label": "safe", "length": 5}
    assert pid_of(one) == pid


async def test_a_queued_call_waits_no_longer_than_its_timeout_and_kills_nobody(started: Make) -> None:
    one = started(timeout_ms=5_000)
    await one.settled()
    pid = pid_of(one)
    busy = asyncio.create_task(ask(one, "sleep 3"))
    await asyncio.sleep(0.05)
    before = time.perf_counter()
    fault = await fault_of(one, "hello", 0.1)
    assert time.perf_counter() - before < 2.5
    assert (fault.status, fault.reason) == (DetectorStatus.TIMEOUT, FailureReason.QUEUED_TOO_LONG)
    assert (await busy).output["label"] == "safe"
    assert pid_of(one) == pid


async def test_a_cancelled_call_gives_its_worker_back(started: Make) -> None:
    one = started(timeout_ms=5_000)
    await one.settled()
    pid = pid_of(one)
    call = asyncio.create_task(ask(one, "sleep 0.3"))
    await asyncio.sleep(0.05)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    assert (await ask(one, "hello")).output["label"] == "safe"
    assert pid_of(one) == pid


async def test_two_workers_serve_two_texts_at_once(started: Make) -> None:
    one = started(workers=2)
    await until(lambda: len(one.health().worker_pids) == 2)
    before = time.perf_counter()
    await asyncio.gather(ask(one, "sleep 2"), ask(one, "sleep 2"))
    assert time.perf_counter() - before < 3.8


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        ("NotLoading", "FileNotFoundError: model.bin is missing"),
        ("DyingWhileLoading", "ended while loading"),
        ("NoDetector", "makes no process detector"),
        ("Missing", "AttributeError"),
    ],
)
async def test_a_worker_that_cannot_start_makes_its_detector_unavailable_and_no_other(
    started: Make, plugin: str, why: str
) -> None:
    broken, good = started(plugin), started()
    await asyncio.gather(broken.settled(), good.settled())
    health = broken.health()
    assert (health.state, health.reason) == (ReadyState.UNAVAILABLE, FailureReason.NOT_LOADED)
    assert why in health.detail
    bad, fine = await run_detectors([broken, good], "hello")
    assert (bad.status, bad.error) == (DetectorStatus.UNAVAILABLE, FailureReason.NOT_LOADED)
    assert bad.processing_time_ms < 100
    assert fine.status is DetectorStatus.SUCCESS


async def test_a_load_without_end_is_given_up(started: Make) -> None:
    one = started("NeverLoading", load_timeout_s=0.5)
    await one.settled()
    assert one.health().state is ReadyState.UNAVAILABLE
    assert "not loaded after 0.5 s" in one.health().detail


async def test_a_call_that_the_worker_is_not_ready_for_in_time_is_unavailable(started: Make) -> None:
    fault = await fault_of(started("NeverLoading"), "hello", 0.1)
    assert (fault.status, fault.reason) == (DetectorStatus.UNAVAILABLE, FailureReason.STARTING)


async def test_the_workers_see_no_secret_of_the_service(
    started: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATION_KEY_ENCRYPTION_KEY", "secret")
    seen = (await ask(started(), "env")).output
    assert "PATH" in seen
    assert not [name for name in seen if name.startswith("ORCHESTRATION_")]


async def test_close_ends_even_a_hanging_worker_and_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FAULTY))
    one = detector(timeout_ms=60_000)
    fleet = DetectorFleet([one])
    fleet.start()
    assert await fleet.settled(10)
    pid = pid_of(one)
    call = asyncio.create_task(fault_of(one, "spin", 0.2))
    await call
    before = time.perf_counter()
    await fleet.close()
    assert time.perf_counter() - before < 5
    assert not runs(pid)
    assert one.health().state is ReadyState.UNAVAILABLE


ORPHAN_MAKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from orchestration_svc.adapters.worker_process import WorkerProcess

async def main():
    worker = await WorkerProcess.start("faulty_detectors:Obedient", load_timeout_s=10)
    asyncio.create_task(worker.call({"text": sys.argv[2]}))
    await asyncio.sleep(0.2)
    print(worker.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("order", ["hello", "spin"])
def test_a_killed_service_leaves_no_worker_behind(order: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(FAULTY), order], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        worker = int(service.stdout.readline())
        assert runs(worker)
        service.kill()
    deadline = time.monotonic() + 5
    while runs(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(worker)
