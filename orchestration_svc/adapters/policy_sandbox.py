"""The embedded engine for uploaded policies: regorus in processes that can be ended."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import OrderedDict
from typing import Any

from orchestration_svc.adapters import detector_frames
from orchestration_svc.domain.policy_bundle import BundleFacts, Called, PolicyBundle
from orchestration_svc.domain.policy_program import JsonObject, NoValueError, PolicyFault

TOO_LONG = "the policy ran too long"
_START_S = 20.0
_INSPECT_S = 5.0
# The kernel ends a worker whose evaluation works too long; this is for one that does not even get to work.
_WALL_S = 1.0
# A bundle that had its process ended is not tried again for so long, or it would end one after another.
_REST_S = 30.0
_RESTING_MAX = 1_000
_WAIT_S = 2.0
_GOODBYE_S = 0.1
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


class PolicySandbox:
    """Keeps some worker processes and replaces those that had to be ended.

    Args:
        timeout_s: longest that one evaluation may work, in seconds of processor time.
        workers: processes; while one is replaced the others go on.
        memory_mib: address space of each; the engine reserves a GiB of it at once and uses little.
    """

    def __init__(self, *, timeout_s: float, workers: int = 2, memory_mib: int = 1_536) -> None:
        self._timeout_s = timeout_s
        self._size = workers
        self._memory_mib = memory_mib
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._all: set[_Worker] = set()
        self._resting: OrderedDict[str, float] = OrderedDict()

    def start(self) -> None:
        """Begin to start the processes; the first questions wait for them."""
        for _ in range(self._size):
            worker = _Worker(self._memory_mib)
            worker.begin()
            self._all.add(worker)
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """End the processes."""
        for worker in self._all:
            await worker.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the running workers."""
        return tuple(pid for worker in self._all if (pid := worker.pid) is not None)

    async def inspect(self, bundle: PolicyBundle) -> BundleFacts:
        """Parse without evaluating; raises PolicyFault with module and line of what does not parse."""
        value = await self._ask(bundle, _bundle_of(bundle) | {"do": "inspect"}, timeout_s=_INSPECT_S)
        return BundleFacts(
            packages=value["packages"],
            rules=tuple(value["rules"]),
            functions=tuple(value["functions"]),
            calls=tuple(Called(name, module, line) for name, module, line in value["calls"]),
            escapes=tuple(value["escapes"]),
            reads=None if value["reads"] is None else frozenset(value["reads"]),
        )

    async def moved(self, bundle: PolicyBundle, prefix: str) -> dict[str, str]:
        """Return the modules with everything they name put below ``data.<prefix>``; raises PolicyFault."""
        question = _bundle_of(bundle) | {"do": "inspect", "prefix": prefix}
        value: dict[str, str] = await self._ask(bundle, question, timeout_s=_INSPECT_S)
        return value

    async def evaluate(self, bundle: PolicyBundle, rule: str, question: JsonObject) -> object:
        """Return the value of ``data.policy.<rule>``; raises PolicyFault."""
        asked: JsonObject = {
            "do": "evaluate",
            "key": bundle.digest,
            "rule": rule if rule.startswith("data.") else f"data.policy.{rule}",
            "input": question,
            "cpu_s": self._timeout_s,
        }
        return await self._ask(bundle, asked, timeout_s=max(_WALL_S, self._timeout_s))

    async def _ask(self, bundle: PolicyBundle, question: JsonObject, *, timeout_s: float) -> Any:  # noqa: ANN401
        key = bundle.digest
        if self._resting.get(key, 0.0) > time.monotonic():
            raise PolicyFault(TOO_LONG)
        try:
            async with asyncio.timeout(_WAIT_S):
                worker = await self._idle.get()
        except TimeoutError:
            raise PolicyFault("no policy could be evaluated in time") from None
        try:
            await worker.running()
            answer = await worker.ask(question, bundle, timeout_s=timeout_s)
        except _EndedError as error:
            if error.is_its_fault:
                self._rest(key)
            raise PolicyFault(str(error)) from None
        finally:
            # Given back even if it was ended: whoever takes it next starts it anew.
            self._idle.put_nowait(worker)
        if "no_value" in answer:
            raise NoValueError(str(answer["no_value"]))
        if "fault" in answer:
            raise PolicyFault(str(answer["fault"]))
        return answer["value"]

    def _rest(self, key: str) -> None:
        self._resting[key] = time.monotonic() + _REST_S
        self._resting.move_to_end(key)
        if len(self._resting) > _RESTING_MAX:
            self._resting.popitem(last=False)


class _EndedError(Exception):
    """The worker had to be ended, or ended by itself."""

    def __init__(self, message: str, *, is_its_fault: bool) -> None:
        super().__init__(message)
        self.is_its_fault = is_its_fault


class _Worker:
    def __init__(self, memory_mib: int) -> None:
        self._memory_mib = memory_mib
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        # Standard error leads nowhere: a panic of the engine quotes what it worked on.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "orchestration_svc.adapters.policy_worker",
            str(os.getpid()),
            str(self._memory_mib),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
            | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry), "RUST_BACKTRACE": "0"},
        )
        try:
            async with asyncio.timeout(_START_S):
                await self._exchange({"do": "evaluate", "key": "none"})  # answers that it knows none
        except (TimeoutError, EOFError, detector_frames.FrameError):
            await self.end()
            raise PolicyFault("the policy engine could not be started") from None

    async def ask(self, question: JsonObject, bundle: PolicyBundle, *, timeout_s: float) -> dict[str, Any]:
        """Ask, and send the bundle along if the worker does not have it.

        Raises:
            _EndedError: it ran too long, or died of what it was asked.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._exchange(question)
            if answer.get("unknown"):
                # Parsing has its own, longer time: it comes once.
                async with asyncio.timeout(timeout_s + _INSPECT_S):
                    answer = await self._exchange(question | _bundle_of(bundle))
        except TimeoutError:
            await self.end()
            raise _EndedError(TOO_LONG, is_its_fault=True) from None
        except (EOFError, detector_frames.FrameError):
            status = await self.end()
            why = TOO_LONG if status == -signal.SIGPROF else "the policy exhausted memory or stack"
            raise _EndedError(why, is_its_fault=True) from None
        except asyncio.CancelledError:
            # An answer is still under way: the next question must not get it.
            await self.end()
            raise
        return answer

    async def running(self) -> None:
        """Return when the process runs; raises PolicyFault when it cannot be had."""
        coming_up = self._starting is not None and not self._starting.done()
        if self._process is not None and self._process.returncode is None and not coming_up:
            return
        self.begin()
        if self._starting is not None:
            await asyncio.shield(self._starting)

    def begin(self) -> None:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self.start())

    async def _exchange(self, question: JsonObject) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError("no process")
        try:
            process.stdin.write(detector_frames.encode(question))
            await process.stdin.drain()
        except OSError:
            raise EOFError("the process ended") from None
        return await detector_frames.read(process.stdout)

    async def end(self) -> int | None:
        """End the process, and say how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            # One that died by itself tells why, if it is asked before it is killed.
            async with asyncio.timeout(_GOODBYE_S):
                return await process.wait()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()

    async def close(self) -> None:
        """End the process, started or starting."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        await self.end()


def _bundle_of(bundle: PolicyBundle) -> JsonObject:
    return {"modules": dict(bundle.modules), "data": bundle.data}
