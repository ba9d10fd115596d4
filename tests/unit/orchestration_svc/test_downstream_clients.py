"""mapper_svc and analysis_svc as this service meets them on a bad day."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog

from orchestration_svc.adapters.analysis_client import HttpAnalysisClient
from orchestration_svc.adapters.downstream_call import DownstreamCall
from orchestration_svc.adapters.mapper_client import HttpMapperClient
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.adapters.service_tokens import ServiceTokens
from orchestration_svc.adapters.signing_keys import SigningKeysUnavailableError
from orchestration_svc.domain.downstream import (
    AnalysisQuestion,
    DownstreamError,
    FailedDetector,
    MadeWith,
    MappedFinding,
)
from orchestration_svc.domain.handover import MapperPayload, Provenance
from tests.fixtures.scripted_calls import ScriptedCalls
from tests.unit.orchestration_svc.fakes import OTHER_TENANT, TENANT, FakeSigner

FINDING = {
    "taxonomy": ["PII.Contact.Email"],
    "scores": {"PII.Contact.Email": 0.7},
    "confidence": 1.0,
    "tier": "rule",
    "raw": {"detector": "a", "label": "EMAIL"},
    "occurrences": 2,
    "notes": "more than this service reads",
}
ANSWER = {"findings": [FINDING], "fallback_used": False, "version_info": {"taxonomy": "2026.11"}}
ANALYSIS = {"risk": {"score": 40.5, "level": "medium"}, "compliance": []}
PAYLOAD = MapperPayload(
    "aggregate", ("a",), (Provenance("a", "v", "1", None, ["EMAIL"], 1.0),), "REQUIRED_SET", 1.0
)
QUESTION = AnalysisQuestion(
    request_id=uuid4(),
    findings=(MappedFinding("PII.Contact.Email", 0.7, 1.0, "a", "rule", 2),),
    required=("a", "b"),
    succeeded=("a",),
    failed=(FailedDetector("b", "timeout"),),
    coverage=0.5,
    made_with=MadeWith("strict", "7", "2026.11", None, {"a": "1.2", "odd": "line\nbreak", "": "1"}),
    application="chat",
    subject="user-17",
)
Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """The other service; answers what it is told to, one after the other, the last for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)


def call(server: Server, signer: FakeSigner | None = None, *, audience: str = "mapper_svc") -> DownstreamCall:
    return DownstreamCall(
        ScriptedCalls(server),
        ServiceTokens(signer or FakeSigner()),
        url="http://other/",
        audience=audience,
        scope="map",
    )


async def ask_mapper(server: Server, payloads: int = 1, timeout_s: float = 1.0) -> Any:
    return await HttpMapperClient(call(server)).map(
        [PAYLOAD] * payloads, tenant_id=TENANT, timeout_s=timeout_s
    )


async def ask_analysis(server: Server) -> Any:
    return await HttpAnalysisClient(call(server)).analyze(QUESTION, tenant_id=TENANT, timeout_s=1.0)


def said(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


async def test_one_payload_goes_to_map_and_its_answer_comes_back_whole() -> None:
    server = Server(said(ANSWER))
    answer = await ask_mapper(server)
    assert server.requests[0].url == "http://other/api/v1/map"
    assert server.body["output"] is None
    assert server.body["metadata"]["provenance"][0]["output"] == ["EMAIL"]
    assert answer.body == ANSWER
    assert answer.findings == (MappedFinding("PII.Contact.Email", 0.7, 1.0, "a", "rule", 2, "EMAIL"),)


async def test_several_payloads_go_over_as_one_batch_and_their_answers_are_joined() -> None:
    fell_back = ANSWER | {"fallback_used": True}
    server = Server(said({"results": [ANSWER, fell_back, ANSWER]}))
    answer = await ask_mapper(server, payloads=3)
    assert server.requests[0].url == "http://other/api/v1/map/batch"
    assert len(server.body["items"]) == 3
    assert len(answer.findings) == 3
    assert answer.body == {
        "findings": [FINDING] * 3,
        "fallback_used": True,
        "version_info": {"taxonomy": "2026.11"},
        "mapping_version": None,
    }
    assert answer.fallback_used


@pytest.mark.parametrize(
    ("said_of_two", "read"), [(("v1", "v1"), "v1"), (("v1", "v2"), None), ((None, "v1"), None)]
)
async def test_answers_of_a_batch_have_a_version_if_they_have_one_and_the_same(
    said_of_two: tuple[str | None, str], read: str | None
) -> None:
    server = Server(said({"results": [ANSWER | {"mapping_version": one} for one in said_of_two]}))
    assert (await ask_mapper(server, payloads=2)).mapping_version == read


async def test_the_mapper_is_asked_for_its_version_as_the_tenant() -> None:
    server = Server(said({"mapping_version": "v1"}))
    client = HttpMapperClient(call(server))
    assert await client.mapping_version(tenant_id=TENANT, timeout_s=0.5) == "v1"
    request = server.requests[0]
    assert (request.method, str(request.url), request.content) == (
        "GET",
        "http://other/api/v1/map/version",
        b"",
    )
    assert request.headers["authorization"].startswith("Bearer token:")


async def test_more_payloads_than_a_batch_takes_are_refused_and_not_cut_off() -> None:
    server = Server(said(ANSWER))
    with pytest.raises(DownstreamError, match="refused"):
        await ask_mapper(server, payloads=101)
    assert server.requests == []


async def test_analysis_is_told_what_was_found_and_who_failed() -> None:
    server = Server(said(ANALYSIS))
    answer = await ask_analysis(server)
    assert answer.body == ANALYSIS
    assert server.body["findings"][0] == {
        "id": "f1",
        "label": "PII.Contact.Email",
        "score": 0.7,
        "confidence": 1.0,
        "detector": "a",
        "tier": "rule",
        "occurrences": 2,
    }
    assert server.body["context"] == {
        "request_id": str(QUESTION.request_id),
        "detectors_required": ["a", "b"],
        "detectors_succeeded": ["a"],
        "detectors_failed": [{"detector": "b", "status": "timeout"}],
        "coverage": 0.5,
        # What the contract would refuse is left out: no analysis is lost for a strange version.
        "versions": {
            "policy": "strict",
            "policy_version": "7",
            "mapper_taxonomy": "2026.11",
            "model": None,
            "detectors": {"a": "1.2"},
        },
        "application": "chat",
        "subject": "user-17",
    }


async def test_subject_is_in_no_words_about_a_question() -> None:
    assert "user-17" not in repr(QUESTION)


async def test_analysis_that_could_not_keep_the_subject_is_told_from_one_that_refuses() -> None:
    refused = said({"errors": [{"field": "context.subject", "message": "no key"}]}, 400)
    with pytest.raises(DownstreamError, match="subject_not_kept"):
        await ask_analysis(Server(refused))
    others: list[Any] = [{"errors": [{"field": "findings"}]}, {"errors": []}, {"errors": "none"}, []]
    for other in others:
        with pytest.raises(DownstreamError, match="refused"):
            await ask_analysis(Server(said(other, 400)))


async def test_call_carries_a_token_for_that_tenant_and_service_its_correlation_and_its_time() -> None:
    server, signer = Server(said(ANSWER)), FakeSigner()
    with structlog.contextvars.bound_contextvars(correlation_id="c-7"):
        await HttpMapperClient(call(server, signer)).map([PAYLOAD], tenant_id=TENANT, timeout_s=1)
    (signed,) = signer.signed
    assert server.requests[0].headers["authorization"] == f"Bearer token:{signed['token_id']}"
    assert server.requests[0].headers["x-correlation-id"] == "c-7"
    assert server.requests[0].headers["x-time-left-ms"] == "1000"
    assert (signed["tenant_id"], signed["audiences"], signed["scopes"]) == (TENANT, ("mapper_svc",), {"map"})


async def test_service_token_is_used_again_for_the_same_tenant_audience_and_scope_only() -> None:
    tokens = ServiceTokens(FakeSigner())
    first = await tokens.get(TENANT, audience="mapper_svc", scope="map")
    assert await tokens.get(TENANT, audience="mapper_svc", scope="map") == first
    others = {
        await tokens.get(OTHER_TENANT, audience="mapper_svc", scope="map"),
        await tokens.get(TENANT, audience="analysis_svc", scope="map"),
        await tokens.get(TENANT, audience="mapper_svc", scope="other"),
    }
    assert len(others - {first}) == 3


@pytest.mark.parametrize("ask", [ask_mapper, ask_analysis])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (said({}, 500), "unavailable"),
        (said({}, 502), "unavailable"),
        (said({}, 503), "unavailable"),
        (said({}, 400), "refused"),
        (said({}, 401), "refused"),
        (said({}, 403), "refused"),
        (said({}, 413), "refused"),
        (said({}, 429), "refused"),
        (httpx.Response(302, headers={"Location": "http://elsewhere/"}), "refused"),
        (httpx.ConnectError("no"), "unavailable"),
        (httpx.ReadError("no"), "unavailable"),
        (httpx.RemoteProtocolError("no"), "unavailable"),
        (httpx.ConnectTimeout("no"), "timeout"),
        (httpx.ReadTimeout("no"), "timeout"),
        (httpx.PoolTimeout("no"), "timeout"),
        (httpx.Response(200, content=b""), "unusable_answer"),
        (httpx.Response(204), "unusable_answer"),
        (httpx.Response(200, content=b"<html>it works</html>"), "unusable_answer"),
        (httpx.Response(200, content=b'{"findings": "\xff"}'), "unusable_answer"),
        (httpx.Response(200, content=b'{"other": ' + b"[" * 100_000), "unusable_answer"),
        (said([]), "unusable_answer"),
        (said(None), "unusable_answer"),
        (said({}), "unusable_answer"),
        (said({"findings": None, "fallback_used": False}), "unusable_answer"),
        (said({"risk": {"score": "high", "level": "high"}}), "unusable_answer"),
        (said({"risk": None}), "unusable_answer"),
    ],
)
async def test_each_kind_of_failure_has_its_reason(
    ask: Callable[[Server], Any], answer: httpx.Response | Exception, reason: str
) -> None:
    with pytest.raises(DownstreamError) as caught:
        await ask(Server(answer))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"taxonomy": []},
        {"taxonomy": None},
        {"taxonomy": ["OTHER.Unscored"]},
        {"scores": {}},
        {"scores": {"PII.Contact.Email": 1.5}},
        {"scores": {"PII.Contact.Email": -0.1}},
        {"scores": {"PII.Contact.Email": None}},
        {"confidence": 2},
        {"occurrences": 0},
        {"raw": {}},
    ],
)
async def test_finding_that_cannot_be_read_is_never_taken_for_harmless(wrong: dict[str, Any]) -> None:
    with pytest.raises(DownstreamError, match="unusable_answer"):
        await ask_mapper(Server(said(ANSWER | {"findings": [FINDING, FINDING | wrong]})))


async def test_answer_without_any_finding_is_not_taken_for_clean() -> None:
    with pytest.raises(DownstreamError, match="unusable_answer"):
        await ask_mapper(Server(said(ANSWER | {"findings": []})))


@pytest.mark.parametrize("results", [[], [ANSWER], [ANSWER] * 3])
async def test_batch_answer_that_leaves_out_an_item_is_unusable(results: list[Any]) -> None:
    with pytest.raises(DownstreamError, match="unusable_answer"):
        await ask_mapper(Server(said({"results": results})), payloads=2)


async def test_answer_of_unbounded_size_is_not_read() -> None:
    huge = httpx.Response(200, content=b'{"x":"' + b"a" * (16 * 1024 * 1024) + b'"}')
    with pytest.raises(DownstreamError, match="unusable_answer"):
        await ask_mapper(Server(huge))


@pytest.mark.parametrize(
    "drop",
    [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.WriteError("x"), httpx.RemoteProtocolError("x")],
)
async def test_connection_dropped_once_is_tried_again(drop: Exception) -> None:
    server = Server(drop, said(ANSWER))
    assert (await ask_mapper(server)).findings
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [said({}, 500), said({}, 400), httpx.ReadTimeout("x")])
async def test_what_was_answered_is_not_asked_again(answer: httpx.Response | Exception) -> None:
    server = Server(answer)
    with pytest.raises(DownstreamError):
        await ask_mapper(server)
    assert len(server.requests) == 1


async def test_second_try_is_the_last() -> None:
    server = Server(httpx.ConnectError("x"))
    with pytest.raises(DownstreamError):
        await ask_mapper(server)
    assert len(server.requests) == 2


async def test_without_a_signing_key_nothing_is_sent() -> None:
    class NoKey(FakeSigner):
        async def sign(self, **_: Any) -> str:
            raise SigningKeysUnavailableError

    server = Server(said(ANSWER))
    with pytest.raises(DownstreamError, match="unavailable"):
        await HttpMapperClient(call(server, NoKey())).map([PAYLOAD], tenant_id=TENANT, timeout_s=1)
    assert server.requests == []


async def test_slow_answer_is_given_up_within_the_time_it_was_given() -> None:
    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Each byte is in time for the limit of one read; only a limit of the whole call ends it.
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        for _byte in range(100):
            writer.write(b" ")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, OutboundClient(AnyAddress(), max_connections=1) as client:
        slow = DownstreamCall(
            client, ServiceTokens(FakeSigner()), url=f"http://127.0.0.1:{port}", audience="a", scope="map"
        )
        begun = asyncio.get_running_loop().time()
        with pytest.raises(DownstreamError, match="timeout"):
            await HttpMapperClient(slow).map([PAYLOAD], tenant_id=TENANT, timeout_s=0.2)
        assert asyncio.get_running_loop().time() - begun < 3


async def test_real_connection_that_the_server_closes_under_us_is_opened_again() -> None:
    seen = 0

    async def close_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        seen += 1
        await reader.readuntil(b"\r\n\r\n")
        if seen > 1:
            body = json.dumps(ANALYSIS).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(close_first, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, OutboundClient(AnyAddress(), max_connections=1) as client:
        flaky = DownstreamCall(
            client, ServiceTokens(FakeSigner()), url=f"http://127.0.0.1:{port}", audience="a", scope="analyze"
        )
        answer = await HttpAnalysisClient(flaky).analyze(QUESTION, tenant_id=TENANT, timeout_s=1)
    assert (answer.body, seen) == (ANALYSIS, 2)


async def test_log_line_of_a_failure_tells_service_and_reason_and_nothing_of_the_body(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(DownstreamError):
        await ask_mapper(Server(httpx.Response(200, content=b"MARKED-CONTENT")))
    assert [line["reason"] for line in lines if line["event"] == "downstream_failed"] == ["unusable_answer"]
    assert "MARKED-CONTENT" not in repr(lines) + capsys.readouterr().out
