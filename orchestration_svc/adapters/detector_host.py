"""A CPU-bound detector in worker processes of its own.

What a caller can rely on:

* Its timeout counts from its own call, queueing included. A call whose time runs out in the queue is never
  sent to a worker; a call whose time runs out in a worker is abandoned.
* A plugin that looks at a text window by window is given a worker for a slice of time, then stands in the
  queue again: a long text does not keep a short one waiting, and frees its worker within a window of the end
  of its caller's time. Windows seen so far are no result; the call ends as a timeout.
* A worker is killed only when it hangs: when one slice takes ``window_limit_s``, or when one text has held
  a plugin without windows for the detector's whole timeout. A worker that was merely busy with an earlier
  text, or that got a text with little of the caller's time left, finishes and goes on. So load costs
  answers, not workers.
* A worker that was killed or died is replaced. The call it was at fails, no other does; calls that wait,
  between two slices too, are served by the replacement if it comes in time.
* Replacements that fail again and again are tried at growing distances, up to half a minute, and the
  detector is unavailable in between, with the reason.
"""

import asyncio
from typing import Any

from orchestration_svc.adapters.detector_frames import FrameError
from orchestration_svc.adapters.worker_process import WorkerNotLoadedError, WorkerProcess
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    ReadyState,
)

_LOAD_TIMEOUT_S = 120.0
# A window takes tens of milliseconds, so this is mostly one window; the hand-over takes about one.
_SLICE_S = 0.05
# The slowest window that could be made for an installed detector takes under a second of a core's time; on a
# busy core that is more.
_WINDOW_LIMIT_S = 3.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0

# Its output; what was seen in some windows when there are more; or what went wrong.
_Answer = DetectorOutput | list[Any] | DetectorFault


class ProcessDetector:
    """Runs one plugin in ``workers`` processes.

    Args:
        info: what the plugin says of itself.
        entry_point: ``module:attribute`` that makes it.
        workers: how many texts it looks at at once.
        load_timeout_s: seconds a worker may take to load.
        window_limit_s: seconds after which a slice of windows counts as a hang.
    """

    def __init__(
        self,
        info: DetectorInfo,
        entry_point: str,
        *,
        workers: int = 1,
        load_timeout_s: float = _LOAD_TIMEOUT_S,
        window_limit_s: float = _WINDOW_LIMIT_S,
    ) -> None:
        self._info = info
        self._entry_point = entry_point
        self._slots = workers
        self._load_timeout_s = load_timeout_s
        self._window_limit_s = window_limit_s
        self._free: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[_Answer]] = set()
        self._restarts = 0
        self._failure: tuple[FailureReason, str] | None = (FailureReason.STOPPED, "")
        self._changed = asyncio.Event()

    @property
    def info(self) -> DetectorInfo:
        """What the plugin says of itself."""
        return self._info

    def health(self) -> DetectorHealth:
        """Whether a worker is there, busy or not."""
        pids = tuple(sorted(worker.pid for worker in self._workers if worker.alive))
        if pids:
            return DetectorHealth(ReadyState.READY, worker_pids=pids, restarts=self._restarts)
        if self._failure is None:
            return DetectorHealth(ReadyState.STARTING, FailureReason.STARTING, restarts=self._restarts)
        reason, detail = self._failure
        return DetectorHealth(ReadyState.UNAVAILABLE, reason, detail, restarts=self._restarts)

    def has_free_worker(self) -> bool:
        """Whether a call would be looked at without standing in the queue."""
        return not self._free.empty()

    def start(self) -> None:
        """Begin to start the workers; returns at once."""
        if not self._keepers:
            self._failure = None
            self._keepers = [asyncio.create_task(self._keep_worker()) for _ in range(self._slots)]

    async def settled(self) -> None:
        """Return once it is ready, or once it is known that it cannot be."""
        while self.health().state is ReadyState.STARTING:
            self._changed.clear()
            await self._changed.wait()

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Look at one text; the module's own text says what the timeout means.

        Raises:
            DetectorFault: timeout, failed or unavailable, with the reason.
        """
        del context  # nothing but the text crosses the pipe
        deadline = asyncio.get_running_loop().time() + timeout_s
        seen: list[Any] = []
        while True:
            said = await self._ask_once(text, seen, deadline, timeout_s)
            if isinstance(said, DetectorOutput):
                return said
            seen += said
            # Whoever waits has the worker by now, for it was given back before the slice's end was told here.
            if asyncio.get_running_loop().time() >= deadline:
                raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)

    async def _ask_once(
        self, text: str, seen: list[Any], deadline: float, timeout_s: float
    ) -> DetectorOutput | list[Any]:
        """Occupy a worker once: for the whole text, or for a slice of windows, whose parts are returned."""
        worker = await self._take_worker(
            deadline, late=FailureReason.RAN_TOO_LONG if seen else FailureReason.QUEUED_TOO_LONG
        )
        left = deadline - asyncio.get_running_loop().time()
        if worker.windowed:
            question = {"text": text, "seen": seen, "for_s": max(0.0, min(_SLICE_S, left))}
            limit_s = self._window_limit_s
        else:
            question = {"text": text}
            limit_s = max(timeout_s, self._info.timeout_ms / 1000)
        # A task of its own: the worker is given back or replaced even when nobody waits for it any more.
        call = asyncio.create_task(self._occupy(worker, question, limit_s))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        await asyncio.wait({call}, timeout=max(0.0, left))
        if not call.done():
            raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
        said = call.result()
        if isinstance(said, DetectorFault):
            raise said
        return said

    async def close(self) -> None:
        """End all workers, within about a second."""
        workers = tuple(self._workers)
        self._failure = (FailureReason.STOPPED, "")
        for task in (*self._keepers, *self._calls):
            task.cancel()
        await asyncio.gather(*self._keepers, *self._calls, return_exceptions=True)
        self._keepers = []
        await asyncio.gather(*(worker.close() for worker in workers))
        self._changed.set()

    async def _take_worker(self, deadline: float, *, late: FailureReason) -> WorkerProcess:
        while True:
            health = self.health()
            if health.state is ReadyState.UNAVAILABLE:
                raise DetectorFault(DetectorStatus.UNAVAILABLE, health.reason or FailureReason.NOT_LOADED)
            try:
                async with asyncio.timeout_at(deadline):
                    worker = await self._free.get()
            except TimeoutError:
                if self.health().state is ReadyState.READY:
                    raise DetectorFault(DetectorStatus.TIMEOUT, late) from None
                raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.STARTING) from None
            if worker.alive:  # one that died while free is still in the queue
                return worker

    async def _occupy(self, worker: WorkerProcess, question: dict[str, Any], limit_s: float) -> _Answer:
        try:
            async with asyncio.timeout(limit_s):
                answer = await worker.call(question)
        except TimeoutError:
            await worker.kill()
            return DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
        except (EOFError, FrameError):
            await worker.kill()
            return DetectorFault(DetectorStatus.FAILED, FailureReason.WORKER_DIED)
        self._free.put_nowait(worker)
        return _read(answer)

    async def _keep_worker(self) -> None:
        """Keep one worker running for as long as the detector is open."""
        barren = 0  # starts in a row that led to no answer
        while True:
            try:
                worker = await WorkerProcess.start(self._entry_point, load_timeout_s=self._load_timeout_s)
            except (WorkerNotLoadedError, OSError) as error:
                barren += 1
                pauses = barren
                self._failure = (FailureReason.NOT_LOADED, str(error))
            else:
                served = await self._watch(worker)
                barren = 0 if served else barren + 1
                # The first one that dies is replaced at once, and calls may wait for the replacement.
                pauses = barren - 1
                self._restarts += 1
                self._failure = (FailureReason.WORKER_DIED, "") if pauses > 0 else None
            self._changed.set()
            if pauses > 0:
                await asyncio.sleep(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (pauses - 1)))

    async def _watch(self, worker: WorkerProcess) -> bool:
        """Offer the worker until it ends; tells whether it ever answered."""
        self._workers.add(worker)
        self._failure = None
        self._changed.set()
        self._free.put_nowait(worker)
        try:
            await worker.wait()
        finally:
            self._workers.discard(worker)
        return worker.calls > 0


def _read(answer: dict[str, Any]) -> _Answer:
    if "error" in answer:
        return DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED)
    if "seen" in answer:
        seen: list[Any] = answer["seen"]
        return seen
    return DetectorOutput(answer.get("output"), answer.get("confidence"))
