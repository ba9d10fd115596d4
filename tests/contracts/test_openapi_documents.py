"""The committed contracts are what the code says."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.union_openapi import SERVERS, union
from tests.contracts.services import BY_NAME, SERVICES

ROOT = Path(__file__).parents[2]
RENEW = "run `make export` and commit what it writes"


def exported(service: str) -> dict[str, Any]:
    app = importlib.import_module(f"{service}.app")
    settings = importlib.import_module(f"{service}.settings")
    document = app.create_app(settings.example_settings()).openapi_schema.to_schema()
    return dict(json.loads(json.dumps(document)))


# Shapes that others define and add to: their clients send more than is read here.
OF_OTHERS = {"GuardrailRequest", "ModerationRequest"}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: json.loads((ROOT / name / "openapi.json").read_text("utf-8")) for name in SERVERS}


@pytest.mark.parametrize("name", list(BY_NAME))
def test_committed_contract_is_what_the_code_says(name: str, documents: dict[str, dict[str, Any]]) -> None:
    assert documents[name] == exported(name), RENEW


def test_committed_union_is_that_of_the_three(documents: dict[str, dict[str, Any]]) -> None:
    committed = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"))
    assert committed == json.loads(json.dumps(union(documents, SERVERS))), RENEW


def test_table_and_union_know_the_same_services() -> None:
    assert {service.name for service in SERVICES} == set(SERVERS)


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_operation_documents_its_faults(name: str, documents: dict[str, dict[str, Any]]) -> None:
    for path, item in documents[name]["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            answers = operation["responses"]
            assert operation["summary"], where
            if path.startswith(("/health", "/.well-known")):
                assert operation["security"] == [{}], where
                continue
            assert "security" not in operation, f"{where} needs the token that the whole API needs"
            assert {"400", "401", "403", "500", "503"} <= answers.keys(), where
            if "requestBody" in operation:
                assert {"413", "415"} <= answers.keys(), where
            for status, answer in answers.items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], where


@pytest.mark.parametrize("name", list(BY_NAME))
def test_request_bodies_take_no_unknown_fields(name: str, documents: dict[str, dict[str, Any]]) -> None:
    schemas = documents[name]["components"]["schemas"]
    bodies = {schema for schema in schemas if schema.endswith(("In", "Request"))}
    assert bodies
    open_ones = {schema for schema in bodies if schemas[schema].get("additionalProperties") is not False}
    assert open_ones == OF_OTHERS & schemas.keys()


@pytest.mark.parametrize("name", list(BY_NAME))
def test_every_reference_of_a_contract_leads_somewhere(
    name: str, documents: dict[str, dict[str, Any]]
) -> None:
    document = documents[name]

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(child) for child in node.values()))
        if isinstance(node, list):
            return set().union(*(references(child) for child in node))
        return set()

    found = {ref.removeprefix("#/components/schemas/") for ref in references(document)}
    assert found
    assert found <= document["components"]["schemas"].keys()
