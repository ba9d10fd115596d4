import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    ReadyState,
)
from orchestration_svc.domain.handover import Provenance, build_payloads
from orchestration_svc.domain.run_detectors import run_detectors

CANARY = "canary-7f3a-of-the-content"


class FakeDetector:
    def __init__(
        self, name: str, act: Callable[[str], Awaitable[DetectorOutput]], timeout_ms: int = 1_000
    ) -> None:
        self.info = DetectorInfo(
            name, "acme", "1.2", DetectorKind.REMOTE, frozenset({"text/plain"}), timeout_ms
        )
        self.act = act
        self.timeouts: list[float] = []
        self.contexts: list[CallContext] = []

    def health(self) -> DetectorHealth:
        return DetectorHealth(ReadyState.READY)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        self.timeouts.append(timeout_s)
        self.contexts.append(context)
        return await self.act(text)


async def finds(text: str) -> DetectorOutput:
    del text
    return DetectorOutput([{"label": "EMAIL", "start": 0, "end": 3}], 0.9)


async def breaks(text: str) -> DetectorOutput:
    raise ValueError(text)


async def hangs(text: str) -> DetectorOutput:
    await asyncio.sleep(60)
    raise AssertionError(text)


async def test_one_result_each_in_the_order_asked_for() -> None:
    results = await run_detectors([FakeDetector("b", finds), FakeDetector("a", finds)], "text")
    assert [(r.detector, r.vendor, r.version, r.status) for r in results] == [
        ("b", "acme", "1.2", DetectorStatus.SUCCESS),
        ("a", "acme", "1.2", DetectorStatus.SUCCESS),
    ]
    assert results[0].output == [{"label": "EMAIL", "start": 0, "end": 3}]
    assert results[0].confidence == 0.9


async def test_a_bug_in_one_plugin_fails_that_one_and_its_words_go_nowhere() -> None:
    bad, good = await run_detectors([FakeDetector("bad", breaks), FakeDetector("good", finds)], CANARY)
    assert (bad.status, bad.error, bad.output) == (DetectorStatus.FAILED, FailureReason.CRASHED, None)
    assert good.status is DetectorStatus.SUCCESS
    assert CANARY not in repr([bad, good])


async def test_a_detector_that_ignores_its_timeout_is_abandoned() -> None:
    started = time.perf_counter()
    slow, quick = await run_detectors([FakeDetector("slow", hangs, 20), FakeDetector("quick", finds)], "text")
    assert (slow.status, slow.error) == (DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
    assert quick.status is DetectorStatus.SUCCESS
    assert time.perf_counter() - started < 30  # the detector would take a minute


@pytest.mark.parametrize(("limit_s", "expected"), [(None, 1.0), (0.4, 0.4), (5.0, 1.0)])
async def test_the_least_of_limit_and_own_timeout_counts(limit_s: float | None, expected: float) -> None:
    detector = FakeDetector("a", finds)
    await run_detectors([detector], "text", limit_s=limit_s)
    assert detector.timeouts == [expected]


async def test_detectors_run_side_by_side() -> None:
    together = asyncio.Barrier(10)

    async def waits_for_the_others(text: str) -> DetectorOutput:
        await together.wait()
        return await finds(text)

    fakes = [FakeDetector(str(n), waits_for_the_others, 30_000) for n in range(10)]
    results = await run_detectors(fakes, "text")
    assert {result.status for result in results} == {DetectorStatus.SUCCESS}


async def test_a_content_type_it_cannot_read_is_skipped_without_a_call() -> None:
    detector = FakeDetector("a", finds)
    (result,) = await run_detectors([detector], "text", content_type="image/png")
    assert (result.status, result.error) == (
        DetectorStatus.SKIPPED,
        FailureReason.CONTENT_TYPE_NOT_SUPPORTED,
    )
    assert detector.timeouts == []


async def test_a_fault_keeps_its_status_and_reason() -> None:
    async def unreachable(text: str) -> DetectorOutput:
        del text
        raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE)

    (result,) = await run_detectors([FakeDetector("a", unreachable)], "text")
    assert (result.status, result.error) == (DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE)


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return {"entries": value}


@pytest.mark.parametrize(
    "output",
    [
        None,
        "x" * 201,
        [{"label": "x" * 201}],
        {"x" * 201: 1},
        [object()],
        {"entries": [1.0] * 9_000},
        [{"label": "half a pair \ud83d"}],
        [{1: "a number as a name"}],
        [{"score": float("nan")}],
        [{"score": float("inf")}],
        [{"start": 10**5_000}],
        nested(33),
        nested(600),
        nested(100_000),
    ],
)
async def test_what_cannot_be_only_labels_and_offsets_is_never_passed_on_or_called_clean(
    output: object,
) -> None:
    async def says(text: str) -> DetectorOutput:
        del text
        return DetectorOutput(output)

    (result,) = await run_detectors([FakeDetector("a", says)], "text")
    assert (result.status, result.output) == (DetectorStatus.UNPARSED, None)


@pytest.mark.parametrize("confidence", ["high", 7.0, -0.1, float("nan"), True, [0.5]])
async def test_a_confidence_that_is_none_is_no_success(confidence: object) -> None:
    async def says(text: str) -> DetectorOutput:
        del text
        return DetectorOutput([], confidence)  # type: ignore[arg-type]

    (result,) = await run_detectors([FakeDetector("a", says)], "text")
    assert (result.status, result.error, result.confidence) == (
        DetectorStatus.UNPARSED,
        FailureReason.ANSWER_WRONG_SHAPE,
        None,
    )


@pytest.mark.parametrize("said", [None, [], {"output": []}, "safe"])
async def test_an_answer_of_another_type_fails_that_detector_and_no_other(said: object) -> None:
    async def says(text: str) -> DetectorOutput:
        del text
        return said  # type: ignore[return-value]

    bad, good = await run_detectors([FakeDetector("bad", says), FakeDetector("good", finds)], "text")
    assert (bad.status, bad.output) == (DetectorStatus.UNPARSED, None)
    assert good.status is DetectorStatus.SUCCESS


async def test_a_plugin_that_calls_exit_ends_neither_the_service_nor_the_others() -> None:
    async def leaves(text: str) -> DetectorOutput:
        raise SystemExit(text)

    bad, good = await run_detectors([FakeDetector("bad", leaves), FakeDetector("good", finds)], CANARY)
    assert (bad.status, good.status) == (DetectorStatus.FAILED, DetectorStatus.SUCCESS)


@pytest.mark.parametrize(
    "output", [[], {}, "", 0, False, nested(29), [{"label": "\U0001f600", "start": 2**53 - 1}]]
)
async def test_whatever_is_reduced_can_be_handed_over(output: object) -> None:
    async def says(text: str) -> DetectorOutput:
        del text
        return DetectorOutput(output, 1)

    (result,) = await run_detectors([FakeDetector("a", says)], "text")
    assert (result.status, result.output) == (DetectorStatus.SUCCESS, output)
    said = Provenance("a", "acme", "1", result.confidence, result.output, 1.0)
    (payload,) = build_payloads([said], coverage_achieved=1.0, aggregation_method="REQUIRED_SET")
    assert payload.provenance == (said,)


async def test_nothing_found_is_a_success_with_an_empty_list() -> None:
    async def nothing(text: str) -> DetectorOutput:
        del text
        return DetectorOutput([])

    (result,) = await run_detectors([FakeDetector("a", nothing)], "text")
    assert (result.status, result.output) == (DetectorStatus.SUCCESS, [])


async def test_a_cancelled_request_cancels_what_is_under_way() -> None:
    cancelled = asyncio.Event()

    async def waits(text: str) -> DetectorOutput:
        try:
            return await hangs(text)
        finally:
            cancelled.set()

    request = asyncio.create_task(run_detectors([FakeDetector("a", waits)], "text"))
    await asyncio.sleep(0.01)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert cancelled.is_set()


async def test_a_plugin_that_cancels_itself_is_no_cancelled_request() -> None:
    async def cancels_itself(text: str) -> DetectorOutput:
        raise asyncio.CancelledError(text)

    bad, good = await run_detectors(
        [FakeDetector("bad", cancels_itself), FakeDetector("good", finds)], CANARY
    )
    assert (bad.status, good.status) == (DetectorStatus.FAILED, DetectorStatus.SUCCESS)
    assert CANARY not in repr(bad)


async def test_the_context_reaches_every_detector() -> None:
    detector = FakeDetector("a", finds)
    context = CallContext("abc", {"traceparent": "00-1"})
    await run_detectors([detector], "text", context=context)
    assert detector.contexts == [context]
