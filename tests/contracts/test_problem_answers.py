"""Errors are application/problem+json of a closed set, in every service alike."""

import importlib
import json
from typing import Any

import httpx
import pytest

from tests.contracts.services import SERVICES
from tests.contracts.world import RunningService, World

DEAD_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/none"
READS_POSTGRES = {
    "orchestration_svc": "/api/v1/keys",
    "mapper_svc": "/api/v1/review",
    "analysis_svc": "/api/v1/evidence",
}


def check_problem(service: RunningService, answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check everything that any problem has, and return it."""
    problems = importlib.import_module(f"{service.table.name}.api.problems")
    errors = importlib.import_module(f"{service.table.name}.domain.errors")
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["error_code"]) == (status, code), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    known_status, retryable = problems.TABLE[errors.ErrorCode(code)]
    assert known_status == status
    assert problem["retryable"] is retryable
    assert problem["status"] == status
    assert problem["type"] == f"urn:llama-mapper:problem:{code.lower()}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]
    return problem


async def test_call_without_token_is_unauthorized(service: RunningService) -> None:
    answer = await service.client.post(service.table.path, json=service.table.body)
    check_problem(service, answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "credentials",
    ["Bearer", "Bearer ", "Basic dTpw", "Bearer not.a.token", "Bearer " + "x" * 9000, "garbage"],
)
async def test_call_with_unusable_credentials_is_unauthorized(
    service: RunningService, credentials: str
) -> None:
    answer = await service.client.get(service.table.reading, headers={"Authorization": credentials})
    check_problem(service, answer, 401, "UNAUTHORIZED")


async def test_call_without_the_scope_is_forbidden_and_names_the_scope(
    service: RunningService, world: World
) -> None:
    headers = await world.headers(scopes=frozenset({"something:else"}))
    answer = await service.client.post(service.table.path, json=service.table.body, headers=headers)
    problem = check_problem(service, answer, 403, "INSUFFICIENT_RBAC")
    assert f"'{service.table.scope}'" in problem["detail"]


async def test_roles_alone_open_nothing(service: RunningService, world: World) -> None:
    headers = await world.headers(roles=frozenset({"platform_admin", "admin"}), scopes=frozenset())
    answer = await service.client.get(service.table.reading, headers=headers)
    check_problem(service, answer, 403, "INSUFFICIENT_RBAC")


@pytest.mark.parametrize("path", ["/", "/api/v1/none", "/api/v2/map", "/api/v1/../../etc/passwd", "/metrics"])
async def test_unknown_path_is_not_found(service: RunningService, world: World, path: str) -> None:
    check_problem(service, await service.client.get(path, headers=await world.headers()), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "FOO"])
async def test_wrong_method_is_refused_and_the_right_one_named(
    service: RunningService, world: World, method: str
) -> None:
    answer = await service.client.request(method, service.table.path, headers=await world.headers())
    check_problem(service, answer, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "?",
        "",
    ],
)
async def test_wrong_media_type_is_refused(service: RunningService, world: World, media_type: str) -> None:
    headers = await world.headers() | {"Content-Type": media_type}
    answer = await service.client.post(
        service.table.path, content=json.dumps(service.table.body), headers=headers
    )
    check_problem(service, answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_media_type_parameters_and_case_do_not_matter(
    service: RunningService, world: World, media_type: str
) -> None:
    headers = await world.headers() | {"Content-Type": media_type}
    answer = await service.client.post(
        service.table.path, content=json.dumps(service.table.body), headers=headers
    )
    assert answer.status_code == 200, answer.text


async def test_body_over_the_limit_is_too_large(service: RunningService, world: World) -> None:
    async with world.another(service.table, max_body_bytes=2048) as small:
        headers = await world.headers() | {"Content-Type": "application/json"}
        answer = await small.client.post(service.table.path, content=b" " * 2049, headers=headers)
        check_problem(small, answer, 413, "PAYLOAD_TOO_LARGE")

        async def unannounced() -> Any:
            for _ in range(5):
                yield b" " * 1024

        answer = await small.client.post(service.table.path, content=unannounced(), headers=headers)
        check_problem(small, answer, 413, "PAYLOAD_TOO_LARGE")


async def test_what_needs_postgres_says_that_it_is_away(service: RunningService, world: World) -> None:
    async with world.another(service.table, database_url=DEAD_DATABASE) as cut_off:
        cut_off.app.state.verifier = service.app.state.verifier
        answer = await cut_off.client.get(READS_POSTGRES[service.table.name], headers=await world.headers())
    problem = check_problem(cut_off, answer, 503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["retry-after"]) > 0
    assert "127.0.0.1" not in json.dumps(problem)


async def test_unhandled_exception_is_an_internal_error_without_its_words(
    service: RunningService, world: World
) -> None:
    class Broken:
        async def verify(self, token: str) -> None:
            raise RuntimeError(f"private words {token}")

    async with world.another(service.table) as broken:
        broken.app.state.verifier = Broken()
        broken.app.state.joint_check = None  # where there is one it is asked first
        answer = await broken.client.post(
            service.table.path, json=service.table.body, headers={"Authorization": "Bearer secret-token"}
        )
    check_problem(broken, answer, 500, "INTERNAL_ERROR")
    assert "private words" not in answer.text
    assert "secret-token" not in answer.text


def test_services_agree_on_every_code_they_share() -> None:
    tables: dict[str, set[tuple[int, bool]]] = {}
    for service in SERVICES:
        problems = importlib.import_module(f"{service.name}.api.problems")
        errors = importlib.import_module(f"{service.name}.domain.errors")
        assert set(problems.TABLE) == set(errors.ErrorCode), "each code has its row"
        for code, row in problems.TABLE.items():
            tables.setdefault(code.value, set()).add(row)
    assert {code: rows for code, rows in tables.items() if len(rows) > 1} == {}
