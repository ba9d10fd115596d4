"""POST /api/v1/orchestrate over HTTP: in full, in part, and not at all."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import jwt
import msgspec
import pytest
from redis.asyncio import Redis

from orchestration_svc.adapters.access import Access
from orchestration_svc.app import create_app
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason
from orchestration_svc.domain.downstream import DownstreamError
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, lifespan
from tests.integration.orchestration_svc.stub_server import StubServer
from tests.unit.orchestration_svc.fakes import FakeDetector, FakeDirectory

PATH = "/api/v1/orchestrate"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
DOWN = DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.WORKER_DIED)
FINDING = {
    "taxonomy": ["PII.Contact.Email"],
    "scores": {"PII.Contact.Email": 0.7},
    "confidence": 1.0,
    "tier": "rule",
    "raw": {"detector": "alpha", "label": "EMAIL"},
    "occurrences": 1,
}


@pytest.fixture
async def token(access: Access, tenant: UUID) -> str:
    return await issue(access, tenant, Role.ANALYST)


async def ask(service: Service, token: str, **body: Any) -> httpx.Response:
    return await service.call("POST", PATH, token, json={"content": "hello"} | body)


async def test_full_answer_is_200_and_lacks_nothing(service: Service, token: str) -> None:
    answer = await ask(service, token)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["error_code"], body["missing"], body["fallback_used"]) == (None, [], False)
    assert [(one["detector"], one["status"], one["output"]) for one in body["detector_results"]] == [
        ("alpha", "success", ["EMAIL"]),
        ("beta", "success", []),
    ]
    assert (body["attempted"], body["succeeded"], body["failed"]) == (2, 2, 0)
    assert body["coverage"] == {
        "method": "REQUIRED_SET",
        "required": ["alpha", "beta"],
        "missing": [],
        "achieved": 1.0,
        "threshold": 0.8,
    }
    assert body["aggregated_payload"]["metadata"]["contributing_detectors"] == ["alpha", "beta"]
    assert body["mapping_result"]["findings"]
    assert body["analysis_result"]["risk"]["level"] == "low"
    assert body["version_info"]["taxonomy"] == "2026.11"
    assert body["routing_decision"]["health"] == {"alpha": "ready", "beta": "ready"}


async def test_failed_detector_makes_a_206_that_names_it(service: Service, token: str) -> None:
    service.detectors[1].raises = DOWN
    answer = await ask(service, token)
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (206, "PARTIAL_COVERAGE")
    failed = body["detector_results"][1]
    assert (failed["status"], failed["error"], failed["output"]) == ("unavailable", "worker_died", None)
    assert (body["attempted"], body["succeeded"], body["failed"]) == (2, 1, 1)
    assert (body["coverage"]["missing"], body["coverage"]["achieved"]) == (["beta"], 0.5)
    assert body["mapping_result"] is not None
    service.detectors[1].raises = None
    assert (await ask(service, token)).status_code == 200


async def test_when_every_detector_failed_it_is_a_502_that_says_why(service: Service, token: str) -> None:
    for detector in service.detectors:
        detector.raises = DOWN
    answer = await ask(service, token)
    problem = answer.json()
    assert (answer.status_code, problem["error_code"]) == (502, "ALL_DETECTORS_UNAVAILABLE")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["retryable"] is True
    assert problem["errors"] == [
        {"field": "detector:alpha", "message": "unavailable: worker_died"},
        {"field": "detector:beta", "message": "unavailable: worker_died"},
    ]
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]


@pytest.mark.parametrize("reason", ["unavailable", "timeout", "refused", "unusable_answer"])
async def test_without_mapper_or_analysis_the_rest_is_answered(
    service: Service, token: str, reason: str
) -> None:
    service.analysis.raises = DownstreamError(reason)
    answer = await ask(service, token)
    body = answer.json()
    assert (answer.status_code, body["error_code"]) == (206, "SERVICE_UNAVAILABLE")
    assert body["missing"] == [{"part": "analysis", "reason": reason}]
    assert (body["analysis_result"], body["fallback_used"]) == (None, True)
    assert body["mapping_result"] is not None

    service.mapper.raises = DownstreamError(reason)
    body = (await ask(service, token)).json()
    assert body["missing"] == [
        {"part": "mapping", "reason": reason},
        {"part": "analysis", "reason": "nothing_mapped"},
    ]
    assert body["detector_results"][0]["output"] == ["EMAIL"]


async def test_mapping_and_analysis_can_be_left_out(service: Service, token: str) -> None:
    body = (await ask(service, token, auto_map=False)).json()
    assert (body["mapping_result"], body["analysis_result"], body["missing"]) == (None, None, [])
    body = (await ask(service, token, analyze=False)).json()
    assert body["mapping_result"] is not None
    assert (body["analysis_result"], body["missing"]) == (None, [])


async def test_naming_the_default_policy_does_not_hide_what_was_left_out(
    service: Service, token: str
) -> None:
    assert (await ask(service, token, detectors=["alpha"])).status_code == 200
    answer = await ask(service, token, detectors=["alpha"], policy="default")
    assert (answer.status_code, answer.json()["coverage"]["missing"]) == (206, ["beta"])


BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"content": "x" * 65_537}, 413, "PAYLOAD_TOO_LARGE", "content"),
    ({"content": "\u00e9" * 32_769}, 413, "PAYLOAD_TOO_LARGE", "content"),
    ({"content": ""}, 400, "INVALID_REQUEST", "content"),
    ({"content": "a\u0000b"}, 400, "INVALID_REQUEST", "content"),
    ({"content": None}, 400, "INVALID_REQUEST", "content"),
    ({"content": ["x"]}, 400, "INVALID_REQUEST", "content"),
    ({"content_type": "image/png"}, 400, "INVALID_REQUEST", "content_type"),
    ({"policy": "nothing"}, 400, "POLICY_NOT_FOUND", "policy"),
    ({"policy": ""}, 400, "INVALID_REQUEST", "policy"),
    ({"detectors": []}, 400, "INVALID_REQUEST", "detectors"),
    ({"detectors": ["alpha", "gone"]}, 400, "INVALID_REQUEST", "detectors[1]"),
    ({"detectors": "alpha"}, 400, "INVALID_REQUEST", "detectors"),
    ({"priority": "normal"}, 400, "INVALID_REQUEST", "priority"),
    ({"auto_map": "yes"}, 400, "INVALID_REQUEST", "auto_map"),
    ({"auto_map": False, "analyze": True}, 400, "INVALID_REQUEST", "analyze"),
    ({"tenant_id": "11111111-1111-4111-8111-111111111111"}, 400, "INVALID_REQUEST", "tenant_id"),
    # Both of its detectors are real ones, which this bench does not have.
    ({"policy": "privacy"}, 400, "INVALID_REQUEST", "detectors"),
]


async def test_bad_request_is_named_and_runs_nothing(service: Service, token: str) -> None:
    for body, status, code, field in BAD:
        answer = await ask(service, token, **body)
        problem = answer.json()
        assert (answer.status_code, problem["error_code"]) == (status, code), body
        assert problem["errors"][0]["field"] == field, body
        assert answer.headers["content-type"] == "application/problem+json"
    assert service.detectors[0].contexts == []


@pytest.mark.parametrize(
    "raw",
    [
        b'{"content": "\xff\xfe"}',
        rb'{"content": "\ud800 alone"}',
        b'{"content": "x"',
        b"",
        b"null",
        b"[" * 100_000,
        b'{"content": ' + b'{"a":' * 50_000,
    ],
)
async def test_body_that_is_no_json_text_is_a_400(service: Service, token: str, raw: bytes) -> None:
    answer = await service.call(
        "POST", PATH, token, content=raw, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_body_of_a_megabyte_is_not_even_read(service: Service, token: str) -> None:
    answer = await ask(service, token, content="x" * 1_048_576)
    assert (answer.status_code, answer.json()["error_code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_largest_content_is_taken_to_the_byte(service: Service, token: str) -> None:
    assert (await ask(service, token, content="x" * 65_536)).status_code == 200
    assert (await ask(service, token, content="\u00e9" * 32_768)).status_code == 200


async def test_correlation_and_trace_reach_every_detector(service: Service, token: str) -> None:
    sent = {"X-Correlation-ID": "order-66.a_b:c", "traceparent": TRACEPARENT}
    answer = await service.call("POST", PATH, token, json={"content": "x"}, headers=sent)
    assert answer.headers["x-correlation-id"] == "order-66.a_b:c"
    for detector in service.detectors:
        (context,) = detector.contexts
        assert context.correlation_id == "order-66.a_b:c"
        assert context.headers["traceparent"].split("-")[1] == TRACE


async def test_correlation_id_that_could_forge_a_log_line_is_replaced(service: Service, token: str) -> None:
    for odd in ("a b", "x" * 129, "a\tb", '{"a":1}'):
        answer = await service.call(
            "POST", PATH, token, json={"content": "x"}, headers={"X-Correlation-ID": odd}
        )
        made = answer.headers["x-correlation-id"]
        assert str(UUID(made)) == made


@dataclass
class Wire:
    """The service with mapper and analysis on real sockets."""

    service: Service
    mapper: StubServer
    analysis: StubServer


@pytest.fixture
async def wire(settings: Settings) -> AsyncIterator[Wire]:
    mapper = StubServer(
        {"findings": [FINDING], "fallback_used": False, "version_info": {"taxonomy": "2026.11"}}
    )
    analysis = StubServer({"risk": {"score": 70.0, "level": "high"}})
    detectors = [FakeDetector("alpha", says=["EMAIL"]), FakeDetector("beta")]
    async with AsyncExitStack() as stack:
        for server in (mapper, analysis):
            await server.start()
            stack.callback(server.stop)
        told = msgspec.structs.replace(settings, mapper_url=mapper.url, analysis_url=analysis.url)
        app = create_app(told, directory=FakeDirectory(*detectors))
        await stack.enter_async_context(lifespan(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://service")
        )
        service = Service(app, client, None, None, detectors)  # type: ignore[arg-type]
        yield Wire(service, mapper, analysis)


async def test_trace_correlation_and_a_token_of_its_own_reach_mapper_and_analysis(
    wire: Wire, token: str, tenant: UUID
) -> None:
    sent = {"X-Correlation-ID": "c-1", "traceparent": TRACEPARENT}
    answer = await wire.service.call("POST", PATH, token, json={"content": "SECRET TEXT"}, headers=sent)
    assert (answer.status_code, answer.json()["analysis_result"]["risk"]["level"]) == (200, "high")
    for server, audience, scope in (
        (wire.mapper, "mapper_svc", "map"),
        (wire.analysis, "analysis_svc", "analyze"),
    ):
        (headers,) = server.headers
        assert headers["x-correlation-id"] == "c-1"
        assert headers["traceparent"].split("-")[1] == TRACE
        given = headers["authorization"].removeprefix("Bearer ")
        assert given != token
        claims = jwt.decode(given, options={"verify_signature": False})
        assert (claims["aud"], claims["scopes"], claims["tenant"]) == ([audience], [scope], str(tenant))
        assert claims["exp"] - claims["iat"] <= 120
        assert "SECRET TEXT" not in repr(server.bodies)


async def test_mapper_and_analysis_that_are_gone_are_named_and_come_back_by_themselves(
    wire: Wire, token: str
) -> None:
    wire.mapper.stop()
    body = (await ask(wire.service, token)).json()
    assert body["missing"][0] == {"part": "mapping", "reason": "unavailable"}
    await wire.mapper.start()
    wire.analysis.stop()
    body = (await ask(wire.service, token)).json()
    assert body["missing"] == [{"part": "analysis", "reason": "unavailable"}]
    ready = (await wire.service.call("GET", "/health/ready")).json()
    assert (ready["status"], ready["dependencies"]["analysis_svc"]["status"]) == ("degraded", "down")
    await wire.analysis.start()
    assert (await ask(wire.service, token)).status_code == 200


async def test_mapper_that_answers_nonsense_is_not_taken_for_clean(wire: Wire, token: str) -> None:
    wire.mapper.answer = {"findings": [], "fallback_used": False}
    body = (await ask(wire.service, token)).json()
    assert body["missing"][0] == {"part": "mapping", "reason": "unusable_answer"}
    assert wire.analysis.bodies == []


async def test_nothing_of_the_content_is_left_in_valkey(service: Service, token: str, valkey: Redis) -> None:
    await ask(service, token, content="CANARY-IN-THE-MINE")
    names = [str(name) async for name in valkey.scan_iter()]
    values = [await valkey.dump(name) for name in names]
    assert names
    assert "CANARY" not in repr(names + values)
