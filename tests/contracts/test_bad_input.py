"""Input of every bad kind gets the right problem, names the field, and stores and leaks nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.contracts.services import SERVICES
from tests.contracts.test_problem_answers import check_problem
from tests.contracts.world import World

MARK = "Zq7mark"
KIB = 1024


@dataclass(frozen=True)
class Operation:
    """A POST with a good body, and where that body may be spoilt."""

    service: str
    path: str
    body: dict[str, Any]
    needed: str
    text: str
    status: int = 200


MAP = {"detector": "openai_moderation", "output": "harassment"}
FINDING = {"id": "f1", "label": "SECRET.CloudCredential", "score": 1.0, "confidence": 1.0}
KEY = {"name": "ci", "roles": ["viewer"]}
REGO = 'package policy\n\nplan := {}\n\ndecision := {"action": "allow"}\n\ntest_it if plan == {}\n'
POLICY = {"name": "mine", "modules": {"policy.rego": REGO}}
OPERATIONS = {
    "orchestrate": Operation(
        "orchestration_svc", "/api/v1/orchestrate", {"content": "hello"}, "content", "policy"
    ),
    "orchestrate_batch": Operation(
        "orchestration_svc", "/api/v1/orchestrate/batch", {"items": [{"content": "hello"}]}, "items", "policy"
    ),
    "fms_detection": Operation(
        "orchestration_svc",
        "/api/v2/text/detection/content",
        {"content": "hello", "detectors": {"llama-mapper": {}}},
        "content",
        "content",
    ),
    "tenants": Operation("orchestration_svc", "/api/v1/tenants", {"name": "acme"}, "name", "name", 201),
    "policies": Operation("orchestration_svc", "/api/v1/policies", POLICY, "modules", "name", 201),
    "keys": Operation("orchestration_svc", "/api/v1/keys", KEY, "roles", "name", 201),
    "map": Operation("mapper_svc", "/api/v1/map", MAP, "detector", "detector"),
    "map_batch": Operation("mapper_svc", "/api/v1/map/batch", {"items": [MAP]}, "items", "items"),
    "analyze": Operation("analysis_svc", "/api/v1/analyze", {"findings": [FINDING]}, "findings", "findings"),
    "analyze_batch": Operation(
        "analysis_svc", "/api/v1/analyze/batch", {"items": [{"findings": [FINDING]}]}, "items", "items"
    ),
}
INVALID = (400, "INVALID_REQUEST")


@pytest.fixture(params=list(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Operation:
    return OPERATIONS[request.param]


class Rows:
    """Counts the rows of every table, so that a test can say that none was added."""

    def __init__(self, world: World) -> None:
        self._admin = world.databases["mapper"].admin

    def count(self) -> dict[str, int]:
        with psycopg.connect(self._admin) as admin:
            tables = admin.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s) ORDER BY 1, 2",
                [[service.schema for service in SERVICES]],
            ).fetchall()
            counts = {}
            for schema, table in tables:
                found = admin.execute(
                    SQL("SELECT count(*) FROM {}").format(Identifier(schema, table))
                ).fetchone()
                assert found is not None
                counts[f"{schema}.{table}"] = found[0]
        return counts


async def refused(
    world: World,
    operation: Operation,
    content: bytes,
    expected: tuple[int, str],
    capfd: pytest.CaptureFixture[str],
    field: str | None = None,
) -> dict[str, Any]:
    """Send it; check the problem, that nothing was stored, and that the mark is in no answer and no log."""
    rows = Rows(world)
    headers = await world.headers() | {"Content-Type": "application/json"}
    before = rows.count()
    capfd.readouterr()
    running = world.running[operation.service]
    answer = await running.client.post(operation.path, content=content, headers=headers)
    problem = check_problem(running, answer, *expected)
    assert MARK not in answer.text
    assert MARK not in "".join(capfd.readouterr())
    assert rows.count() == before
    if field is not None:
        # Of an object it may be a part that is named.
        (fault,) = problem["errors"]
        assert fault["field"] == field or fault["field"].startswith(f"{field}.")
    return problem


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


NOT_OBJECTS: list[bytes] = [b"null", b"true", b"5", b'"Zq7mark"', b"[]", b'["Zq7mark"]']
NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   ",
    "cut off": b'{"content": "Zq7mark',
    "trailing comma": b'{"content": "Zq7mark",}',
    "two values": b"{} {}",
    "NaN": b'{"content": NaN}',
    "Infinity": b'{"content": -Infinity}',
    "single quotes": b"{'content': 'Zq7mark'}",
    "invalid UTF-8": b'{"content": "Zq7mark\xff\xfe"}',
    "UTF-16": '{"content": "Zq7mark"}'.encode("utf-16"),
    "overlong UTF-8": b'{"content": "\xc0\xafZq7mark"}',
    "encoded surrogate": b'{"content": "Zq7mark\xed\xa0\x80"}',
    "lone high surrogate": b'{"content": "Zq7mark\\ud800 and more text"}',
    "lone low surrogate": b'{"content": "Zq7mark\\udc00 and more text"}',
    "byte order mark": b'\xef\xbb\xbf{"content": "Zq7mark"}',
    "control character": b'{"content": "Zq7mark\x01"}',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep in a field": b'{"content": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("content", NOT_OBJECTS)
async def test_body_that_is_no_object(
    world: World, operation: Operation, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    await refused(world, operation, content, INVALID, capfd, field="body")


@pytest.mark.parametrize("kind", list(NOT_JSON))
async def test_body_that_is_no_json(
    world: World, operation: Operation, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    await refused(world, operation, NOT_JSON[kind], INVALID, capfd)


async def test_unknown_field_is_refused_by_name(
    world: World, operation: Operation, capfd: pytest.CaptureFixture[str]
) -> None:
    body = encoded(operation.body | {"surprise": MARK})
    await refused(world, operation, body, INVALID, capfd, field="surprise")


async def test_missing_field_is_named(
    world: World, operation: Operation, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {name: value for name, value in operation.body.items() if name != operation.needed}
    await refused(world, operation, encoded(body), INVALID, capfd, field=operation.needed)


@pytest.mark.parametrize("value", [5, 1e308, True, {"a": MARK}, None])
async def test_wrong_type_is_refused_and_the_field_named(
    world: World, operation: Operation, value: object, capfd: pytest.CaptureFixture[str]
) -> None:
    body = encoded(operation.body | {operation.needed: value})
    await refused(world, operation, body, INVALID, capfd, field=operation.needed)


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 5000])
async def test_number_beyond_every_range_is_refused(
    world: World, operation: Operation, number: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content = f'{{"{operation.needed}": {number}}}'.encode()
    await refused(world, operation, content, INVALID, capfd, field=operation.needed)


@dataclass(frozen=True)
class Case:
    """One spoilt body and what it must get."""

    operation: str
    change: Callable[[dict[str, Any]], dict[str, Any]]
    status: int
    code: str
    field: str


def setting(name: str, value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: body | {name: value}


def finding(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: body | {"findings": [body["findings"][0] | changes]}


def context(**fields: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda body: body | {"context": fields}


def case(operation: str, change: Any, field: str, status: int = 400, code: str = "INVALID_REQUEST") -> Case:
    return Case(operation, change, status, code, field)


def too_large(operation: str, change: Any, field: str) -> Case:
    return case(operation, change, field, 413, "PAYLOAD_TOO_LARGE")


CASES = {
    "null byte in content": case("orchestrate", setting("content", f"{MARK}\x00"), "content"),
    "empty content": case("orchestrate", setting("content", ""), "content"),
    "content one byte over": too_large(
        "orchestrate", setting("content", MARK + "x" * (64 * KIB + 1 - len(MARK))), "content"
    ),
    "bytes count, not characters": too_large(
        "orchestrate", setting("content", MARK + "ž" * (32 * KIB)), "content"
    ),
    "four-byte characters": too_large("orchestrate", setting("content", MARK + "😀" * (16 * KIB)), "content"),
    "null byte for FMS": case("fms_detection", setting("content", f"{MARK}\x00"), "body"),
    "FMS content one byte over": case(
        "fms_detection",
        setting("content", MARK + "x" * (64 * KIB + 1 - len(MARK))),
        "body",
        413,
        "PAYLOAD_TOO_LARGE",
    ),
    "foreign parameter for FMS": case(
        "fms_detection", setting("detectors", {"llama-mapper": {"regex": MARK}}), "detectors[...].regex"
    ),
    "unknown policy": case("orchestrate", setting("policy", MARK), "policy", code="POLICY_NOT_FOUND"),
    "unknown detector": case("orchestrate", setting("detectors", [MARK]), "detectors[0]"),
    "no detectors at all": case("orchestrate", setting("detectors", []), "detectors"),
    "too many detectors": case("orchestrate", setting("detectors", [MARK] * 65), "detectors"),
    "foreign content type": case("orchestrate", setting("content_type", "image/png"), "content_type"),
    "unknown priority": case("orchestrate", setting("priority", MARK), "priority"),
    "unknown mode": case("orchestrate", setting("mode", MARK), "mode"),
    "text for a switch": case("orchestrate", setting("auto_map", "true"), "auto_map"),
    "analysis without mapping": case(
        "orchestrate", lambda body: body | {"auto_map": False, "analyze": True}, "analyze"
    ),
    "policy with a line break": case("orchestrate", setting("policy", f"{MARK}\n"), "policy"),
    "no texts": case("orchestrate_batch", setting("items", []), "items"),
    "10001 texts": case("orchestrate_batch", setting("items", [{"content": "x"}] * 10_001), "items"),
    "101 texts at once": case(
        "orchestrate_batch",
        lambda _: {"items": [{"content": MARK}] * 101, "mode": "sync"},
        "items",
    ),
    "second text too large": too_large(
        "orchestrate_batch",
        setting("items", [{"content": "x"}, {"content": MARK + "x" * 64 * KIB}]),
        "items[1].content",
    ),
    "null byte in a text": case(
        "orchestrate_batch", setting("items", [{"content": f"{MARK}\x00"}]), "items[0].content"
    ),
    "reference with a line break": case(
        "orchestrate_batch",
        setting("items", [{"content": "x", "reference": f"{MARK}\n"}]),
        "items[0].reference",
    ),
    "webhook to a host that nobody listed": case(
        "orchestrate_batch",
        lambda body: body | {"webhook": {"url": f"https://{MARK.lower()}.example/", "secret": "s" * 24}},
        "webhook.url",
    ),
    "webhook with a short secret": case(
        "orchestrate_batch",
        lambda body: body | {"webhook": {"url": "https://hooks.example/", "secret": MARK}},
        "webhook.secret",
    ),
    "webhook without a job": case(
        "orchestrate_batch",
        lambda body: (
            body | {"mode": "sync", "webhook": {"url": "https://hooks.example/", "secret": "s" * 24}}
        ),
        "webhook",
    ),
    "tenant name in capitals": case("tenants", setting("name", MARK.upper()), "name"),
    "tenant name with a line break": case("tenants", setting("name", "acme\n"), "name"),
    "tenant name too long": case("tenants", setting("name", "a" * 64), "name"),
    "tenant name with SQL": case("tenants", setting("name", "a'; drop table x;--"), "name"),
    "unknown role": case("keys", setting("roles", [MARK]), "roles[0]"),
    "no role": case("keys", setting("roles", []), "roles"),
    "scope that the role has not": case("keys", setting("scopes", ["keys:manage"]), "scopes"),
    "key without a name": case("keys", setting("name", ""), "name"),
    "key name with null byte": case("keys", setting("name", f"{MARK}\x00"), "name"),
    "key for ever": case("keys", setting("lifetime_s", 10**12), "lifetime_s"),
    "key for no time": case("keys", setting("lifetime_s", 0), "lifetime_s"),
    "lifetime as text": case("keys", setting("lifetime_s", "3600"), "lifetime_s"),
    "detector name empty": case("map", setting("detector", ""), "detector"),
    "detector name too long": case("map", setting("detector", MARK * 20), "detector"),
    "detector name with null byte": case("map", setting("detector", f"{MARK}\x00"), "detector"),
    "hand-over over 64 KiB": too_large("map", setting("output", [MARK * 100] * 100), "body"),
    "hand-over in multi-byte characters": too_large("map", setting("output", "ž" * (32 * KIB)), "body"),
    "confidence over one": case(
        "map",
        setting("metadata", {"provenance": [{"detector": "d", "output": MARK, "confidence": 1.5}]}),
        "metadata.provenance[0].confidence",
    ),
    "provenance without output": case(
        "map", setting("metadata", {"provenance": [{"detector": MARK}]}), "metadata.provenance[0].output"
    ),
    "unknown field far inside": case(
        "map",
        setting("metadata", {"provenance": [{"detector": "d", "output": None, "text": MARK}]}),
        "metadata.provenance[0].text",
    ),
    "no items": case("map_batch", setting("items", []), "items"),
    "101 items": case("map_batch", setting("items", [MAP] * 101), "items"),
    "second item too large": too_large(
        "map_batch", setting("items", [MAP, MAP | {"output": "x" * 64 * KIB}]), "items[1]"
    ),
    "unknown label": case("analyze", finding(label=MARK), "findings[0].label"),
    "score over one": case("analyze", finding(score=1.01), "findings[0].score"),
    "score as text": case("analyze", finding(score="0.5"), "findings[0].score"),
    "id with a space": case("analyze", finding(id=f"{MARK} x"), "findings[0].id"),
    "id with a line break": case("analyze", finding(id="f1\n"), "findings[0].id"),
    "no occurrences": case("analyze", finding(occurrences=0), "findings[0].occurrences"),
    "detector with a line break": case("analyze", finding(detector=f"{MARK}\n"), "findings[0].detector"),
    "same id twice": case("analyze", lambda body: {"findings": body["findings"] * 2}, "findings[1].id"),
    "1001 findings": case("analyze", lambda body: {"findings": body["findings"] * 1001}, "findings"),
    "unknown framework": case("analyze", setting("frameworks", [MARK]), "frameworks[0]"),
    "no frameworks": case("analyze", setting("frameworks", []), "frameworks"),
    "coverage below zero": case("analyze", context(coverage=-0.1), "context.coverage"),
    "unknown direction": case("analyze", context(direction=MARK), "context.direction"),
    "application with null byte": case("analyze", context(application=f"{MARK}\x00"), "context.application"),
    "status of a failed detector missing": case(
        "analyze", context(detectors_failed=[{"detector": MARK}]), "context.detectors_failed[0].status"
    ),
    "second of a batch wrong": case(
        "analyze_batch",
        lambda body: {"items": [*body["items"], {"findings": [FINDING | {"label": MARK}]}]},
        "items[1].findings[0].label",
    ),
}


@pytest.mark.parametrize("name", list(CASES))
async def test_spoilt_field(world: World, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    spoilt = CASES[name]
    operation = OPERATIONS[spoilt.operation]
    body = json.dumps(spoilt.change(operation.body), ensure_ascii=False).encode()
    await refused(world, operation, body, (spoilt.status, spoilt.code), capfd, field=spoilt.field)


@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_a_megabyte_of_content(world: World, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    operation = OPERATIONS[name]
    body = encoded(operation.body | {operation.text: MARK * 150_000})
    if operation.service == "orchestration_svc" and name != "orchestrate_batch":
        await refused(world, operation, body, (413, "PAYLOAD_TOO_LARGE"), capfd)
    else:  # a batch may be large, so these refuse the field and not the size
        await refused(world, operation, body, INVALID, capfd)


async def test_content_of_exactly_the_limit_is_taken(world: World) -> None:
    running = world.running["orchestration_svc"]
    content = "ž" * (32 * KIB)
    answer = await running.client.post(
        "/api/v1/orchestrate", json={"content": content}, headers=await world.headers()
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("name", list(OPERATIONS))
async def test_the_good_body_is_taken(world: World, name: str) -> None:
    operation = OPERATIONS[name]
    body = dict(operation.body)
    if name == "tenants":
        body["name"] = f"t{uuid4().hex}"
    running = world.running[operation.service]
    answer = await running.client.post(operation.path, json=body, headers=await world.headers())
    assert answer.status_code == operation.status, answer.text


@pytest.mark.parametrize("text", ["a\x00b", "\x7f", "\u202e", "\ufffd", "😀", "x" * 1000, "[" * 300])
async def test_no_odd_label_makes_the_mapper_fail_or_look_clean(world: World, text: str) -> None:
    running = world.running["mapper_svc"]
    body = {"detector": "openai_moderation", "output": text}
    answer = await running.client.post("/api/v1/map", json=body, headers=await world.headers())
    assert answer.status_code == 200, answer.text
    labels = {label for finding in answer.json()["findings"] for label in finding["taxonomy"]}
    assert "OTHER.Safe" not in labels


async def test_output_as_deep_as_json_may_be_is_mapped_to_an_error(world: World) -> None:
    content = b'{"detector": "openai_moderation", "output": ' + b"[" * 900 + b"]" * 900 + b"}"
    headers = await world.headers() | {"Content-Type": "application/json"}
    answer = await world.running["mapper_svc"].client.post("/api/v1/map", content=content, headers=headers)
    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 200:
        assert "OTHER.Safe" not in answer.text
