"""Evaluates Rego in a process of its own, which can be ended: the engine holds the interpreter's lock."""

import asyncio
import json
import multiprocessing
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import structlog

from analysis_svc.adapters.yaml_entry import DataFileError
from analysis_svc.domain.insights.rego_advice import Answered, NotEvaluatedError, Policy

LIMIT_S = 20.0
_VERSION = re.compile(r'^version := "(?P<version>[^"]{1,64})"$', re.MULTILINE)
_log = structlog.get_logger("analysis_svc")


def load_policies(folder: Path) -> list[Policy]:
    """Read the shipped policies, which are orchestration's own.

    Raises:
        DataFileError: there is none, or one names no version.
    """
    policies = []
    for path in sorted(folder.glob("*.rego")):
        source = path.read_text(encoding="utf-8")
        version = _VERSION.search(source)
        if version is None:
            raise DataFileError(f"{path}: it names no version")
        policies.append(Policy(path.stem, version["version"], source))
    if not policies:
        raise DataFileError(f"{folder}: there is no policy")
    return policies


def evaluate(sources: Sequence[str], questions: Sequence[str]) -> list[list[tuple[str, list[str] | None]]]:
    """Return for each source the action on each question, and the ids it counts if it says so.

    Args:
        sources: Rego, package ``policy``.
        questions: inputs as JSON; equal ones are asked once.

    Raises:
        ValueError: one does not parse, has no answer, or the engine failed.
    """
    import regorus  # noqa: PLC0415 - the service itself never loads the engine

    try:
        return [_answers(regorus.Engine(), source, questions) for source in sources]
    except (KeyboardInterrupt, SystemExit):
        raise
    # A panic of the engine is no Exception, and could not be told to the service as one.
    except BaseException as error:  # noqa: BLE001
        raise ValueError(type(error).__name__) from None


def _answers(engine: Any, source: str, questions: Sequence[str]) -> list[tuple[str, list[str] | None]]:  # noqa: ANN401 - without types
    engine.set_gather_prints(b=True)
    engine.add_policy("policy.rego", source)
    says = "\ncounted := " in source
    known: dict[str, tuple[str, list[str] | None]] = {}
    for question in questions:
        if question not in known:
            engine.set_input_json(question)
            decision = json.loads(engine.eval_rule_as_json("data.policy.decision"))
            counted = json.loads(engine.eval_rule_as_json("data.policy.counted")) if says else None
            ids = None if counted is None else [finding["id"] for finding in counted]
            known[question] = (decision["action"], ids)
    return [known[question] for question in questions]


class RegoProcess:
    """Implements PolicyEvaluation: one evaluation at a time, in a process that starts when it is needed.

    A process that dies or takes longer than twenty seconds is ended, and the next question gets a new one.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()

    async def answers(
        self, sources: Sequence[str], questions: Sequence[Mapping[str, Any]]
    ) -> Sequence[Sequence[Answered]]:
        """Return for each source what it answers to each question.

        Raises:
            NotEvaluatedError: one fails, all of it takes too long, or another evaluation is under way.
        """
        if self._turn.locked():
            raise NotEvaluatedError("another evaluation is under way; ask again")
        async with self._turn:
            # Thousands of findings may be in them: nothing for the loop.
            written = await asyncio.to_thread(lambda: [json.dumps(one) for one in questions])
            told = await self._run(list(sources), written)
        return [
            [Answered(action, None if ids is None else frozenset(ids)) for action, ids in answers]
            for answers in told
        ]

    async def _run(
        self, sources: list[str], questions: list[str]
    ) -> list[list[tuple[str, list[str] | None]]]:
        if self._pool is None:
            # Not forked: a copy of a process with threads and open connections would hold their locks.
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LIMIT_S):
                return await loop.run_in_executor(self._pool, evaluate, sources, questions)
        except ValueError as error:
            _log.warning("rego_not_evaluated", reason=str(error))
            raise NotEvaluatedError("the policy could not be evaluated") from error
        except (TimeoutError, BrokenProcessPool) as error:
            _log.warning("rego_process_ended", reason=type(error).__name__)
            self.close()
            raise NotEvaluatedError(f"the evaluation took longer than {LIMIT_S:g} s or broke off") from error
        except asyncio.CancelledError:
            self.close()  # nobody waits for the result, and it would hold up the next
            raise

    def close(self) -> None:
        """End the process."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # An executor only lets its process end by itself. There is no public way to its processes in 3.11.
        for process in list((pool._processes or {}).values()):  # noqa: SLF001
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
