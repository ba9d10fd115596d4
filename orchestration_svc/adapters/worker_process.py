"""The service's end of one detector worker."""

import asyncio
import contextlib
import os
import sys
from typing import Any

from orchestration_svc.adapters import detector_frames

# What a worker may see of the service's environment: no credential of the service is among them.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_SET = {
    # One thread for each worker: the workers are the parallelism, and cores are shared with the service.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Nothing is fetched at run time.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
_GOODBYE_S = 1.0


class WorkerNotLoadedError(Exception):
    """The worker could not load its plugin; the message says why, in the loader's words."""


class WorkerProcess:
    """One running worker that has loaded its plugin.

    Args:
        process: the operating system's process, with its pipes.

    Attributes:
        calls: how many it has answered.
        windowed: whether its plugin looks at a text window by window.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.calls = 0
        self.windowed = False

    @classmethod
    async def start(cls, entry_point: str, *, load_timeout_s: float) -> "WorkerProcess":
        """Start a process and wait until it has loaded its plugin.

        Raises:
            WorkerNotLoadedError: when it says that it cannot, ends, or takes too long.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "orchestration_svc.adapters.detector_worker",
            entry_point,
            str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(load_timeout_s):
                first = await worker._receive()
        except TimeoutError:
            await worker.kill()
            raise WorkerNotLoadedError(f"not loaded after {load_timeout_s:g} s") from None
        except (EOFError, detector_frames.FrameError):
            await worker.kill()
            raise WorkerNotLoadedError("the process ended while loading") from None
        except asyncio.CancelledError:
            await worker.kill()
            raise
        if "ready" not in first:
            await worker.kill()
            raise WorkerNotLoadedError(str(first.get("not_loaded", "unknown")))
        worker.windowed = first.get("windowed") is True
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs, as far as is known yet."""
        return self._process.returncode is None

    async def call(self, question: dict[str, Any]) -> dict[str, Any]:
        """Let it look at one text, or at some windows of it; one call at a time.

        Args:
            question: ``text``; and for a windowed plugin ``seen``, what its earlier windows held, and
                ``for_s``, the seconds after which it begins no further window.

        Raises:
            EOFError: when it died.
            FrameError: when it answered with something else.
        """
        stdin = self._process.stdin
        if stdin is None:  # pragma: no cover - start() always opens it
            raise EOFError("no pipe")
        try:
            stdin.write(detector_frames.encode(question))
            await stdin.drain()
        except OSError:
            raise EOFError("worker ended") from None
        answer = await self._receive()
        self.calls += 1
        return answer

    async def wait(self) -> None:
        """Return when the process has ended."""
        await self._process.wait()

    async def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def close(self) -> None:
        """Close its pipe, and end it if it does not go by itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def _receive(self) -> dict[str, Any]:
        if self._process.stdout is None:  # pragma: no cover - start() always opens it
            raise EOFError("no pipe")
        return await detector_frames.read(self._process.stdout)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # As multiprocessing's spawn does: the worker finds modules where the service does.
    return {**passed, **_SET, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
