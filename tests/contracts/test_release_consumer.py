"""What a release sends to the mapper and reads of it, against the mapper's committed contract."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
import respx

from pipelines.lib.release.mapper_models import MapperModelsOverHttp, Models
from pipelines.lib.release.release_error import ReleaseError

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "mapper_svc" / "openapi.json").read_text("utf-8")
)
RELEASE = "0a1b2c3d4e5f"
URL = "http://mapper.test"


def operation(request: httpx.Request) -> dict[str, Any]:
    """Find what the contract says of a request."""
    for template, methods in DOCUMENT["paths"].items():
        pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, request.url.path) and request.method.lower() in methods:
            return dict(methods[request.method.lower()])
    raise AssertionError(f"the contract knows no {request.method} {request.url.path}")


def body_is_valid(request: httpx.Request) -> bool:
    schema = operation(request)["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return bool(validator.is_valid(json.loads(request.content)))


@respx.mock
def test_every_request_is_one_that_the_mapper_documents() -> None:
    route = respx.route(host="mapper.test").mock(return_value=httpx.Response(200, json={"active": None}))
    mapper = MapperModelsOverHttp(URL + "/", "token")
    mapper.announce("http://127.0.0.1:8092")
    mapper.activate(RELEASE, "llama-mapper-smollm2-135m/3 approved by A. Person")
    mapper.start_canary(RELEASE, 10, "the same")
    assert mapper.active() is None
    requests = [call.request for call in route.calls]
    assert len(requests) == 4
    assert all(one.headers["Authorization"] == "Bearer token" for one in requests)
    assert all(body_is_valid(one) for one in requests if one.method == "POST")
    assert operation(requests[-1])


def test_what_is_read_is_what_the_mapper_says() -> None:
    request = httpx.Request("GET", f"{URL}/api/v1/models")
    answer = operation(request)["responses"]["200"]["content"]["application/json"]["schema"]
    schema = DOCUMENT["components"]["schemas"][answer["$ref"].rsplit("/", 1)[1]]
    for field in msgspec.structs.fields(Models):
        assert field.name in schema["required"]


@respx.mock
def test_a_refusal_is_told_in_the_mappers_words_and_without_the_rest_of_its_body() -> None:
    problem = {"detail": "another version is being tried", "secret": "of nobody's business"}
    respx.post(f"{URL}/api/v1/models/{RELEASE}/activate").mock(return_value=httpx.Response(409, json=problem))
    with pytest.raises(ReleaseError, match=r"409: another version is being tried$"):
        MapperModelsOverHttp(URL, "token").activate(RELEASE, "why")
