"""The process that runs one CPU-bound detector: ``python -m orchestration_svc.adapters.detector_worker``.

It loads the plugin named on its command line, says that it is ready, and answers one text at a time until its
input ends. Its standard output and error lead nowhere, for a library may print the text it works on.
"""

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from importlib import import_module
from typing import Any, BinaryIO

from orchestration_svc.adapters import detector_frames
from orchestration_svc.domain.detection import (
    DetectorOutput,
    FailureReason,
    ProcessDetectorPlugin,
    WindowedDetectorPlugin,
)

_PR_SET_PDEATHSIG = 1


def main(entry_point: str, parent_pid: int) -> int:
    """Run until the service closes the pipe or dies.

    Args:
        entry_point: ``module:attribute`` of the plugin.
        parent_pid: process id of the service.
    """
    _die_with(parent_pid)
    # Ctrl-C reaches the whole process group; the service decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold content
    questions, answers = _take_pipes()
    try:
        plugin = _load(entry_point)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the service must hear of it
        # No content has been seen yet, so the loader's own words can be passed on.
        words = f"{type(error).__name__}: {error}"[:300]
        answers.write(detector_frames.encode({"not_loaded": words}))
        answers.flush()
        return 1
    gc.collect()
    gc.freeze()  # models live as long as the worker: keep the collector off them
    answers.write(
        detector_frames.encode({"ready": True, "windowed": isinstance(plugin, WindowedDetectorPlugin)})
    )
    answers.flush()
    while (question := detector_frames.read_blocking(questions)) is not None:
        answers.write(_answer(plugin, question))
        answers.flush()
    return 0


def _die_with(parent_pid: int) -> None:
    # A worker that hangs does not read its pipe, so the end of the pipe alone would leave it behind.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # the service died before the line above
        sys.exit(1)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return questions, answers


def _load(entry_point: str) -> ProcessDetectorPlugin:
    module, _, attribute = entry_point.partition(":")
    made = getattr(import_module(module), attribute)()
    if not isinstance(made, ProcessDetectorPlugin):
        raise TypeError(f"{entry_point} makes no process detector")
    made.load()
    return made


def _answer(plugin: ProcessDetectorPlugin, question: dict[str, Any]) -> bytes:
    try:
        if isinstance(plugin, WindowedDetectorPlugin):
            return detector_frames.encode(_look(plugin, **question))
        return detector_frames.encode(_said(plugin.detect(question["text"])))
    except Exception:  # noqa: BLE001 - any fault fails this call only; its words may quote the text
        return detector_frames.encode({"error": FailureReason.CRASHED})


def _look(plugin: WindowedDetectorPlugin, text: str, seen: list[Any], for_s: float) -> dict[str, Any]:
    """Look at the windows that follow those already seen, for a while; the last one brings the output."""
    stop_at = time.monotonic() + for_s
    new: list[Any] = []
    left = plugin.windows(text)[len(seen) :]
    for window in left:
        new.append(plugin.look(text, window))
        if time.monotonic() >= stop_at:
            break
    if len(new) < len(left):
        return {"seen": new}
    return _said(plugin.join(text, seen + new))


def _said(output: DetectorOutput) -> dict[str, Any]:
    return {"output": output.output, "confidence": output.confidence}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
