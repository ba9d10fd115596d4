"""Correlation ids, traces and log lines of a request."""

from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from tests.contracts.world import RunningService, World

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
HOSTILE = [
    b"",
    b"a\nb",
    b"a\r\nSet-Cookie: x=1",
    b"x" * 1000,
    "žluť".encode(),
    b"\xff\xfe",
    b"a b",
    b"{}<>\"'",
]


@pytest.mark.parametrize("path", ["/health/live", "/none"])
async def test_well_formed_correlation_id_is_taken(service: RunningService, path: str) -> None:
    answer = await service.client.get(path, headers={"X-Correlation-ID": "order:7.a_b-C"})
    assert answer.headers.get_list("x-correlation-id") == ["order:7.a_b-C"]


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_correlation_id_is_replaced(service: RunningService, value: bytes) -> None:
    answer = await service.client.get("/health/live", headers=[(b"x-correlation-id", value)])
    (given,) = answer.headers.get_list("x-correlation-id")
    assert given.encode("latin-1") != value
    assert len(given) == 36
    assert "set-cookie" not in answer.headers


async def test_each_request_without_an_id_gets_its_own(service: RunningService) -> None:
    answers = [await service.client.get("/health/live") for _ in range(3)]
    assert len({answer.headers["x-correlation-id"] for answer in answers}) == 3


async def test_trace_of_the_caller_is_continued(service: RunningService, world: World) -> None:
    headers = await world.headers() | {"traceparent": TRACEPARENT}
    await service.client.get(service.table.reading, headers=headers)
    spans = service.spans.get_finished_spans()
    (served,) = [span for span in spans if span.kind.name == "SERVER"]
    assert f"{served.context.trace_id:032x}" == TRACE_ID
    assert served.parent is not None
    assert f"{served.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert served.resource.attributes["service.name"] == service.table.name


@pytest.mark.parametrize("value", ["", "00-0-0-0", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
async def test_broken_traceparent_starts_a_new_trace(
    service: RunningService, world: World, value: str
) -> None:
    headers = await world.headers() | {"traceparent": value}
    answer = await service.client.get(service.table.reading, headers=headers)
    assert answer.status_code == 200
    assert service.spans.get_finished_spans()


async def test_health_checks_make_no_spans(service: RunningService) -> None:
    await service.client.get("/health/live")
    assert service.spans.get_finished_spans() == ()


async def test_trace_and_correlation_id_cross_all_three_services(world: World) -> None:
    orchestration = world.running["orchestration_svc"]
    headers = await world.headers() | {"traceparent": TRACEPARENT, "X-Correlation-ID": "one-for-all"}
    # Nobody has sent it, so nothing of it is answered from the cache.
    body = {"content": f"mail eve@example.com of {uuid4()}", "mode": "sync"}
    with capture_logs([]) as lines:
        answer = await orchestration.client.post(orchestration.table.path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["missing"] == []
    for running in world.running.values():
        served = [span for span in running.spans.get_finished_spans() if span.kind.name == "SERVER"]
        paths = {span.name for span in served}
        assert f"POST {running.table.path}" in paths
        assert {f"{span.context.trace_id:032x}" for span in served} == {TRACE_ID}
    for host in ("mapper", "analysis"):
        asked = [request for request in world.wires.seen if request.url.host == host]
        (call,) = [request for request in asked if request.method == "POST"]
        assert call.headers["x-correlation-id"] == "one-for-all"
        assert call.headers["traceparent"].split("-")[1] == TRACE_ID
    assert [line["event"] for line in lines].count("request") >= 3


async def test_a_service_refreshing_its_keys_passes_the_trace_on(world: World) -> None:
    mapper = world.running["mapper_svc"].table
    async with world.another(mapper) as fresh:
        headers = await world.headers() | {"traceparent": TRACEPARENT}
        await fresh.client.get(mapper.reading, headers=headers)
    calls = [request for request in world.wires.seen if request.url.path == "/.well-known/jwks.json"]
    assert [call.headers["traceparent"].split("-")[1] for call in calls] == [TRACE_ID]


async def test_request_is_logged_once_with_metadata_only(service: RunningService, world: World) -> None:
    headers = await world.headers()
    with capture_logs() as lines:
        await service.client.get(f"{service.table.reading}?private=words", headers=headers)
    (line,) = [line for line in lines if line["event"] == "request" and "well-known" not in line["route"]]
    assert line["method"] == "GET"
    assert line["route"] == service.table.reading
    assert line["status"] == 200
    assert line["duration_ms"] >= 0
    assert set(line) <= {"event", "log_level", "method", "route", "status", "duration_ms", "tenant_id"}
