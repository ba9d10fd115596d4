"""Runs a plugin's code beside the service: in a thread of its own, for a limited time."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_FAULTS_MAX = 5
"""So many calls in a row without an answer, and the plugin is left alone for a while."""
_SUSPENDED_S = 30.0
_STUCK_MAX = 3
"""So many threads that never came back, and the plugin is left alone until one does."""


class PluginFault(StrEnum):
    """How a call went wrong; a closed set, fit to be a metric's label.

    Members:
        FAILED: the plugin raised.
        TIMEOUT: it took too long.
        BAD_ANSWER: it answered something that it may not.
        SUSPENDED: it was not asked, as it failed too often.
    """

    FAILED = "failed"
    TIMEOUT = "timeout"
    BAD_ANSWER = "bad_answer"
    SUSPENDED = "suspended"


class PluginCallError(Exception):
    """A plugin gave no answer; what it said in its exception is not kept, as it may quote an output."""

    def __init__(self, fault: PluginFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(slots=True)
class _Job(Generic[T]):
    work: Callable[[], T]
    answer: asyncio.Future[T]
    loop: asyncio.AbstractEventLoop
    started: bool = False
    given_up: bool = False


class IsolatedCalls:
    """Calls one plugin, one call after the other. What is called may itself raise PluginCallError.

    A call that takes too long is given up: its thread is left behind and another takes its place. Python
    cannot end a thread, so a plugin that hangs for good costs a thread each time until it is left alone.
    """

    def __init__(self, name: str, *, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._limit_s = limit_s
        self._clock = clock
        self._jobs: SimpleQueue[_Job[Any]] | None = None
        self._lock = threading.Lock()
        self._stuck = 0
        self._faults = 0
        self._suspended_until = float("-inf")

    @property
    def suspended(self) -> bool:
        """Whether the plugin is left alone at the moment."""
        return self._clock() < self._suspended_until or self._stuck >= _STUCK_MAX

    async def __call__(self, work: Callable[[], T]) -> T:
        """Run ``work`` and return what it returns.

        Raises:
            PluginCallError: it raised, took too long, or the plugin is left alone.
        """
        if self.suspended:
            raise PluginCallError(PluginFault.SUSPENDED)
        loop = asyncio.get_running_loop()
        job: _Job[T] = _Job(work, loop.create_future(), loop)
        if self._jobs is None:
            self._jobs = SimpleQueue()
            self._start(self._jobs)
        jobs = self._jobs
        jobs.put(job)
        try:
            async with asyncio.timeout(self._limit_s):
                answer = await job.answer
        except TimeoutError:
            self._give_up(job, jobs)
            self._count_fault()
            raise PluginCallError(PluginFault.TIMEOUT) from None
        except PluginCallError:
            self._count_fault()
            raise
        self._faults = 0
        return answer

    def _start(self, jobs: SimpleQueue[_Job[Any]]) -> None:
        # A daemon, so that a plugin that hangs does not keep the process from ending.
        threading.Thread(target=self._serve, args=(jobs,), name=f"plugin-{self._name}", daemon=True).start()

    def _give_up(self, job: _Job[Any], jobs: SimpleQueue[_Job[Any]]) -> None:
        with self._lock:
            job.given_up = True
            if not job.started or self._jobs is not jobs:
                return  # it waited behind another, which is the one that is stuck
            self._stuck += 1
            self._jobs = None
        while not jobs.empty():
            waiting = jobs.get()
            if self._jobs is None:
                self._jobs = SimpleQueue()
                self._start(self._jobs)
            self._jobs.put(waiting)

    def _serve(self, jobs: SimpleQueue[_Job[Any]]) -> None:
        while True:
            job = jobs.get()
            with self._lock:
                if job.given_up:
                    continue
                job.started = True
            answer: Any = None
            fault: PluginCallError | None = None
            try:
                answer = job.work()
            except PluginCallError as error:
                fault = error
            except BaseException:  # noqa: BLE001 - a plugin may raise anything, SystemExit and panics too
                fault = PluginCallError(PluginFault.FAILED)
            with self._lock:
                if self._is_given_up(job):
                    self._stuck -= 1  # another thread has this one's place
                    return
                job.started = False
            try:
                job.loop.call_soon_threadsafe(_tell, job.answer, answer, fault)
            except RuntimeError:
                return  # the loop has ended meanwhile

    @staticmethod
    def _is_given_up(job: _Job[Any]) -> bool:
        return job.given_up  # by the other thread, while the plugin was at work

    def _count_fault(self) -> None:
        self._faults += 1
        if self._faults >= _FAULTS_MAX:
            self._faults = 0
            self._suspended_until = self._clock() + _SUSPENDED_S


def _tell(future: asyncio.Future[Any], answer: object, fault: PluginCallError | None) -> None:
    if future.done():
        return
    if fault is None:
        future.set_result(answer)
    else:
        future.set_exception(fault)
