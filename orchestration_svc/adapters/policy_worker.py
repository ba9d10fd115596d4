"""The process in which uploaded policies are parsed and evaluated: ``python -m … PARENT_PID MEMORY_MIB``.

Uploaded Rego may run for ever, ask for all memory or overflow the engine's stack, and the engine holds the
interpreter's lock all the while. In here that costs one process, which the service ends and replaces.
"""

import ctypes
import os
import resource
import signal
import sys
from collections import OrderedDict
from typing import Any

from orchestration_svc.adapters import detector_frames
from orchestration_svc.adapters.policy_regorus import RegorusProgram
from orchestration_svc.adapters.policy_syntax import facts_of, moved
from orchestration_svc.domain.policy_bundle import DATA
from orchestration_svc.domain.policy_program import NoValueError, PolicyFault

_PROGRAMS_MAX = 64
_MIB = 1024 * 1024
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer one question after another until the pipe is closed."""
    parent, memory_mib = int(sys.argv[1]), int(sys.argv[2])
    _end_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * _MIB, memory_mib * _MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's to handle
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which ends the process
    # What is asked for is files it could open: none is needed beyond the pipes.
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    programs: OrderedDict[str, RegorusProgram] = OrderedDict()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while (question := detector_frames.read_blocking(source)) is not None:
        sink.write(_frame(_answer(question, programs)))
        sink.flush()


def _frame(answer: dict[str, Any]) -> bytes:
    try:
        return detector_frames.encode(answer)
    except detector_frames.FrameError:
        return detector_frames.encode({"fault": "the answer of the policy is too large"})


def _answer(question: dict[str, Any], programs: OrderedDict[str, RegorusProgram]) -> dict[str, Any]:
    try:
        if question["do"] == "inspect":
            return _inspect(question)
        key = question["key"]
        if "modules" in question:
            programs[key] = RegorusProgram(question["modules"], {DATA: question["data"]})
            while len(programs) > _PROGRAMS_MAX:
                programs.popitem(last=False)
        elif key not in programs:
            return {"unknown": True}
        programs.move_to_end(key)
        # Time of this process' own work, so that a busy machine ends no innocent policy. The kernel enforces
        # it: nobody in here could, while the engine holds the interpreter's lock.
        signal.setitimer(signal.ITIMER_PROF, question["cpu_s"])
        try:
            return {"value": programs[key].evaluate(question["rule"], question["input"])}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except NoValueError as fault:
        return {"no_value": str(fault)}
    except PolicyFault as fault:
        # The engine may have panicked half-way: it is made anew for the next question.
        programs.pop(str(question.get("key")), None)
        return {"fault": str(fault)}
    except (RecursionError, MemoryError):
        return {"fault": "the policy is nested too deeply or too large"}


def _inspect(question: dict[str, Any]) -> dict[str, Any]:
    trees = RegorusProgram(question["modules"], {DATA: question["data"]}).ast()
    if "prefix" in question:
        return {"value": moved(trees, question["prefix"])}
    facts = facts_of(trees)
    return {
        "value": {
            "packages": dict(facts.packages),
            "rules": facts.rules,
            "functions": facts.functions,
            "calls": [[call.name, call.module, call.line] for call in facts.calls],
            "escapes": facts.escapes,
            "reads": None if facts.reads is None else sorted(facts.reads),
        }
    }


def _end_with(parent: int) -> None:
    # Linux ends the worker with the thread that started it, however that ended.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


if __name__ == "__main__":
    main()
