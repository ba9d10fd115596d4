"""Code of others is called for a limited time, and left alone when it goes on failing."""

import asyncio
import threading
from functools import partial

import pytest

from mapper_svc.adapters.isolated_call import IsolatedCalls, PluginCallError, PluginFault

LIMIT_S = 2.0


async def test_plugin_that_fails_time_and_again_is_left_alone_for_a_while() -> None:
    now = 0.0
    calls = IsolatedCalls("flaky", limit_s=LIMIT_S, clock=lambda: now)
    asked = 0

    def work() -> None:
        nonlocal asked
        asked += 1
        raise ValueError

    faults: list[PluginFault] = []
    for _ in range(8):
        with pytest.raises(PluginCallError) as caught:
            await calls(work)
        faults.append(caught.value.fault)
    assert asked == 5
    assert faults == [PluginFault.FAILED] * 5 + [PluginFault.SUSPENDED] * 3
    now = 31.0
    assert await calls(lambda: 7) == 7


async def test_plugin_that_hangs_costs_three_threads_at_most_and_comes_back() -> None:
    calls = IsolatedCalls("hanging", limit_s=0.02)
    gate = threading.Event()
    faults: list[PluginFault] = []
    for _ in range(10):
        with pytest.raises(PluginCallError) as caught:
            await calls(lambda: gate.wait(30))
        faults.append(caught.value.fault)
    hanging = [thread for thread in threading.enumerate() if thread.name == "plugin-hanging"]
    assert len(hanging) == 3
    assert faults == [PluginFault.TIMEOUT] * 3 + [PluginFault.SUSPENDED] * 7
    gate.set()
    for thread in hanging:
        thread.join(5)
    assert not calls.suspended


async def test_calls_at_once_wait_for_each_other_and_all_are_answered() -> None:
    calls = IsolatedCalls("busy", limit_s=LIMIT_S)
    assert await asyncio.gather(*(calls(partial(pow, n, 2)) for n in range(20))) == [n * n for n in range(20)]


async def test_call_behind_one_that_hangs_is_answered_by_another_thread() -> None:
    calls = IsolatedCalls("mixed", limit_s=0.3)
    gate = threading.Event()
    hangs = asyncio.create_task(calls(lambda: gate.wait(30)))
    await asyncio.sleep(0.2)
    behind = asyncio.create_task(calls(lambda: "answered"))
    with pytest.raises(PluginCallError):
        await hangs
    assert await behind == "answered"
    gate.set()
