"""Run the chosen detectors on one text, all at once, and keep what came back."""

import asyncio
import time
from collections.abc import Container, Sequence

from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorFault,
    DetectorOutput,
    DetectorResult,
    DetectorStatus,
    FailureReason,
)
from orchestration_svc.domain.reduced_output import is_confidence, is_reduced

# A detector answers within its timeout by itself; this much later it is abandoned all the same.
_GRACE_S = 0.25


async def run_detectors(
    detectors: Sequence[Detector],
    text: str,
    *,
    content_type: str = "text/plain",
    limit_s: float | None = None,
    context: CallContext | None = None,
) -> list[DetectorResult]:
    """Run every detector in parallel and give one result each, in the order asked for.

    No detector can fail the others: whatever one does, its own result says so. When the caller is cancelled,
    calls under way are abandoned.

    Args:
        detectors: the ones to run.
        text: the content; results hold no part of it.
        content_type: media type of the content; detectors that cannot read it are skipped.
        limit_s: seconds for all of them; each has its own timeout or this, whichever is less.
        context: what travels with each call.
    """
    called = context or CallContext()
    abandoned: set[asyncio.Task[DetectorResult]] = set()
    by_limit: dict[float, list[asyncio.Task[DetectorResult]]] = {}
    tasks = []
    watches: list[asyncio.TimerHandle] = []
    try:
        async with asyncio.TaskGroup() as group:
            for detector in detectors:
                own = detector.info.timeout_ms / 1000
                timeout_s = own if limit_s is None else min(own, limit_s)
                running = _run_one(detector, text, content_type, timeout_s, called, abandoned)
                tasks.append(group.create_task(running))
                by_limit.setdefault(timeout_s, []).append(tasks[-1])
            # One for all that have the same limit: a timer of each one's own costs more than it watches.
            loop = asyncio.get_running_loop()
            for timeout_s, late in by_limit.items():
                watches.append(loop.call_later(timeout_s + _GRACE_S, _abandon, late, abandoned))
    finally:
        for watch in watches:
            watch.cancel()
    return [task.result() for task in tasks]


def _abandon(
    late: Sequence[asyncio.Task[DetectorResult]], abandoned: set[asyncio.Task[DetectorResult]]
) -> None:
    for task in late:
        if not task.done():
            abandoned.add(task)
            task.cancel()


async def _run_one(
    detector: Detector,
    text: str,
    content_type: str,
    timeout_s: float,
    context: CallContext,
    abandoned: Container[object],
) -> DetectorResult:
    started = time.perf_counter()
    try:
        said = await _ask(detector, text, content_type, timeout_s, context, abandoned)
    except DetectorFault as fault:
        return _result(detector, started, fault.status, error=fault.reason)
    return _result(detector, started, DetectorStatus.SUCCESS, said=said)


async def _ask(
    detector: Detector,
    text: str,
    content_type: str,
    timeout_s: float,
    context: CallContext,
    abandoned: Container[object],
) -> DetectorOutput:
    """Ask one detector; whatever goes wrong becomes a DetectorFault, without its own words."""
    if content_type not in detector.info.content_types:
        raise DetectorFault(DetectorStatus.SKIPPED, FailureReason.CONTENT_TYPE_NOT_SUPPORTED)
    try:
        said = await detector.detect(text, timeout_s=timeout_s, context=context)
    except DetectorFault:
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task in abandoned and task is not None and not task.uncancel():
            raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG) from None
        if task is None or task.cancelling():
            raise  # the request itself was cancelled
        # A plugin that cancels what it awaits must not look like a cancelled request.
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED) from None
    except TimeoutError:
        raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG) from None
    # A plugin's bug is that plugin's failure, a call of sys.exit included; its words may quote the content.
    except (Exception, SystemExit):  # noqa: BLE001
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED) from None
    if not _is_usable(said):
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)
    return said


def _is_usable(said: object) -> bool:
    # A plugin is another's code: its annotations promise nothing.
    return isinstance(said, DetectorOutput) and is_reduced(said.output) and is_confidence(said.confidence)


def _result(
    detector: Detector,
    started: float,
    status: DetectorStatus,
    *,
    said: DetectorOutput | None = None,
    error: FailureReason | None = None,
) -> DetectorResult:
    info = detector.info
    return DetectorResult(
        detector=info.name,
        vendor=info.vendor,
        version=info.version,
        status=status,
        output=said.output if said else None,
        confidence=said.confidence if said else None,
        processing_time_ms=round((time.perf_counter() - started) * 1000, 3),
        error=error,
    )
