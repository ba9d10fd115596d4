import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SERVERS = {"a_svc": "http://a", "b_svc": "http://b"}


@pytest.fixture(scope="module")
def union_openapi() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "union_openapi", Path(__file__).parents[3] / "docs" / "union_openapi.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(path: str, *, status: str = "200", scheme: str = "bearer") -> dict[str, Any]:
    reference = {"schema": {"$ref": "#/components/schemas/Thing"}}
    operation = {
        "operationId": "Get",
        "responses": {status: {"description": "", "content": {"application/json": reference}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1"},
        "paths": {path: {"get": operation}, "/health/live": {"get": dict(operation)}},
        "components": {
            "schemas": {"Thing": {"title": path}},
            "securitySchemes": {"token": {"type": "http", "scheme": scheme}},
        },
    }


def test_equal_names_of_two_services_do_not_collide(union_openapi: ModuleType) -> None:
    joined = union_openapi.union({"a_svc": document("/a"), "b_svc": document("/b")}, SERVERS)
    assert joined["components"]["schemas"] == {"a_svc.Thing": {"title": "/a"}, "b_svc.Thing": {"title": "/b"}}
    answer = joined["paths"]["/b"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/b_svc.Thing"}
    assert joined["paths"]["/b"]["servers"] == [{"url": "http://b", "description": "b_svc"}]
    assert joined["paths"]["/b"]["get"]["tags"] == ["b_svc"]


def test_a_shared_path_appears_once_with_all_servers(union_openapi: ModuleType) -> None:
    joined = union_openapi.union({"a_svc": document("/a"), "b_svc": document("/b")}, SERVERS)
    shared = joined["paths"]["/health/live"]
    assert [server["description"] for server in shared["servers"]] == ["a_svc", "b_svc"]
    assert shared["get"]["tags"] == ["a_svc", "b_svc"]


@pytest.mark.parametrize("change", [{"status": "201"}, {"scheme": "basic"}])
def test_services_that_contradict_each_other_are_refused(
    union_openapi: ModuleType, change: dict[str, str]
) -> None:
    with pytest.raises(union_openapi.UnionError):
        union_openapi.union({"a_svc": document("/a"), "b_svc": document("/b", **change)}, SERVERS)
