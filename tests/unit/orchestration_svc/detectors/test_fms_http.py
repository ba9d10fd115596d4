import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.adapters.detectors.fms_http import (
    HttpDetectorConfig,
    configured_detector,
    read_http_detectors,
)
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
)
from orchestration_svc.domain.reduced_output import is_reduced
from tests.fixtures.scripted_calls import ScriptedCalls

TEXT = "mail jane.doe@example.com now"
ENTRY = {
    "start": 5,
    "end": 25,
    "text": "jane.doe@example.com",
    "detection": "EmailAddress",
    "detection_type": "pii",
    "score": 0.8,
    "evidence": [{"name": "context", "value": "jane.doe@example.com", "score": 0.5}],
    "metadata": {"matched": "jane.doe@example.com"},
}
CONFIG = HttpDetectorConfig("hap", "http://detector.test/", "granite-hap", auth_env="HAP_TOKEN")

Handler = Callable[[httpx.Request], httpx.Response]


async def ask(handler: Handler, context: CallContext | None = None, text: str = TEXT) -> DetectorOutput:
    detector = configured_detector(CONFIG, ScriptedCalls(handler))
    return await detector.detect_remote(text, context or CallContext())


def answers(body: Any, status: int = 200) -> Handler:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content)


def packed(_: httpx.Request) -> httpx.Response:
    """An answer in an encoding that was not asked for."""
    return httpx.Response(200, headers={"content-encoding": "x-packed"}, content=b"[[]]")


async def test_the_request_is_what_the_fms_detectors_api_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAP_TOKEN", "t0ken")
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[[]])

    headers = {"traceparent": "00-abc-def-01", "authorization": "Bearer of-the-caller", "cookie": "x"}
    said = await ask(handler, CallContext("corr-1", headers))
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "http://detector.test/api/v1/text/contents")
    assert json.loads(request.content) == {"contents": [TEXT], "detector_params": {}}
    assert request.headers["detector-id"] == "granite-hap"
    assert request.headers["traceparent"] == "00-abc-def-01"
    assert request.headers["x-correlation-id"] == "corr-1"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert "cookie" not in request.headers
    assert said == DetectorOutput([], None)


async def test_labels_offsets_and_scores_are_kept_and_the_text_is_dropped() -> None:
    said = await ask(answers([[ENTRY]]))
    assert said.output == [
        {"start": 5, "end": 25, "detection_type": "pii", "detection": "EmailAddress", "score": 0.8}
    ]
    assert said.confidence == 0.8


@pytest.mark.parametrize(
    "detection", ["jane.doe@example.com", "JANE.DOE@example.com", "a sentence, with words", 7]
)
async def test_a_detection_that_is_no_label_is_dropped(detection: object) -> None:
    said = await ask(answers([[{**ENTRY, "detection": detection}]]))
    assert said.output == [{"start": 5, "end": 25, "detection_type": "pii", "score": 0.8}]


@pytest.mark.parametrize("place", [-1, 2**31 + 1, 10**30, True, 1.5, "7"])
async def test_an_offset_that_is_no_place_in_a_text_is_dropped(place: object) -> None:
    said = await ask(answers([[{**ENTRY, "start": place}]]))
    assert said.output == [{"end": 25, "detection_type": "pii", "detection": "EmailAddress", "score": 0.8}]


@pytest.mark.parametrize(
    ("handler", "status", "reason"),
    [
        (answers({"code": 422}, 422), DetectorStatus.FAILED, FailureReason.REFUSED),
        (answers({"code": 500}, 503), DetectorStatus.FAILED, FailureReason.SERVER_ERROR),
        (answers(b"<html>"), DetectorStatus.UNPARSED, FailureReason.ANSWER_NOT_JSON),
        (answers(b""), DetectorStatus.UNPARSED, FailureReason.ANSWER_NOT_JSON),
        (answers({"detections": []}), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([]), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([[], []]), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([["pii"]]), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([[{"start": 1, "end": 2}]]), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers(b"[[" + b" " * 1_048_577), DetectorStatus.UNPARSED, FailureReason.ANSWER_TOO_LARGE),
        (answers(b"", 302), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([[]], 302), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([[]], 204), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (packed, DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
        (answers([[]], 206), DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE),
    ],
)
async def test_an_answer_that_is_none_is_never_taken_for_nothing_found(
    handler: Handler, status: DetectorStatus, reason: FailureReason
) -> None:
    with pytest.raises(DetectorFault) as caught:
        await ask(handler)
    assert (caught.value.status, caught.value.reason) == (status, reason)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (httpx.ConnectError, DetectorStatus.UNAVAILABLE),
        (httpx.ConnectTimeout, DetectorStatus.UNAVAILABLE),
        (httpx.ReadTimeout, DetectorStatus.TIMEOUT),
        (httpx.RemoteProtocolError, DetectorStatus.UNAVAILABLE),
    ],
)
async def test_a_server_that_cannot_be_reached_is_unavailable_and_a_slow_one_a_timeout(
    error: type[httpx.RequestError], status: DetectorStatus
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("quotes " + TEXT, request=request)

    with pytest.raises(DetectorFault) as caught:
        await ask(handler)
    assert caught.value.status is status
    assert TEXT not in str(caught.value)


async def test_who_is_in_haste_does_not_call_a_server_unreachable() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("late", request=request)

    detector = configured_detector(CONFIG, ScriptedCalls(handler))
    with pytest.raises(DetectorFault) as caught:
        await detector.detect_within(TEXT, CallContext(), 0.1)
    assert caught.value.status is DetectorStatus.TIMEOUT


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["start", "end", "text", "detection", "detection_type", "score"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.lists(st.lists(any_json, max_size=3), max_size=2) | any_json)
async def test_whatever_the_server_says_the_answer_is_reduced_or_a_fault(body: Any) -> None:
    try:
        said = await ask(answers(body))
    except DetectorFault:
        return
    assert is_reduced(said.output)
    fields = {"start", "end", "detection", "detection_type", "score"}
    assert all(set(entry) <= fields for entry in said.output)


def test_the_configured_list_is_read() -> None:
    text = (
        '[{"name": "hap", "base_url": "http://x:1", "detector_id": "d", "auth_env": "T", "timeout_ms": 300}]'
    )
    assert read_http_detectors(text) == (
        HttpDetectorConfig("hap", "http://x:1", "d", "fms_detectors_api", 300, "T"),
    )
    assert read_http_detectors("[]") == ()


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"base_url": "http://x", "detector_id": "d"}, "name"),
        ({"name": "a", "base_url": "ftp://x", "detector_id": "d"}, "base_url of entry 0"),
        ({"name": "a", "base_url": "http://x", "detector_id": "d\nx: y"}, "detector_id of entry 0"),
        ({"name": "a", "base_url": "http://x", "detector_id": "d", "timeout_ms": 0}, "timeout_ms of entry 0"),
        ({"name": "a", "base_url": "http://x", "detector_id": "d", "token": "s3cret"}, "unknown field"),
    ],
)
def test_a_wrong_entry_is_named(entry: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        read_http_detectors(json.dumps([entry]))
    assert "s3cret" not in str(caught.value)
