"""Each service keeps to its own OpenAPI document, whatever it is sent.

The committed documents are read, so that tests can be collected without starting anything; that they are
what the code says is tested beside this.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import CheckFunction
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.contracts.conftest import Servers
from tests.contracts.threaded_world import ThreadedWorld, threaded_world

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("LLAMA_MAPPER_SCHEMATHESIS_EXAMPLES", "20"))
# Their contracts answer 400 to what a schema cannot know: policies, detectors, labels and scopes by name.
NOT_FOR: dict[str, list[CheckFunction]] = {
    "orchestration_svc": [positive_data_acceptance],
    "analysis_svc": [positive_data_acceptance],
}
# The same of single operations, in a service whose others take all that fits the schema: they name labels,
# servers or versions.
NAMED = ("/api/v1/settings", "/api/v1/models", "/api/v1/review/")
# Registering asks the server that is named, and there is none: 503.
ASKS_A_SERVER = ("POST", "/api/v1/models")


def document_of(service: str) -> schemathesis.BaseSchema:
    generation = GenerationConfig(max_examples=EXAMPLES, deterministic=True, allow_extra_parameters=False)
    # Not OPTIONS: where a path has several methods, Litestar's own answer to it names one of them only.
    coverage = CoveragePhaseConfig(unexpected_methods={"get", "put", "post", "delete", "patch", "trace"})
    project = ProjectConfig(
        base_url="http://127.0.0.1", generation=generation, phases=PhasesConfig(coverage=coverage)
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_path(ROOT / service / "openapi.json", config=config)


@pytest.fixture(scope="session")
def served(world_servers: Servers) -> Iterator[ThreadedWorld]:
    with threaded_world(world_servers.databases, world_servers.valkey_urls) as world:
        yield world


def check(case: schemathesis.Case[Any], served: ThreadedWorld, service: str) -> None:
    if any(isinstance(value, list) for value in (case.query or {}).values()):
        return  # of a query parameter that is sent several times the last one counts
    case.operation.app = case.operation.schema.app = served.asgi(service)
    excluded = NOT_FOR.get(service, [])
    if case.path.startswith(NAMED):
        excluded = [*excluded, positive_data_acceptance]
    if (case.method, case.path) == ASKS_A_SERVER:
        excluded = [*excluded, not_a_server_error]
    case.call_and_validate(headers=served.run(lambda world: world.headers()), excluded_checks=excluded)


@document_of("orchestration_svc").parametrize()
def test_orchestration_keeps_to_its_document(case: schemathesis.Case[Any], served: ThreadedWorld) -> None:
    check(case, served, "orchestration_svc")


@document_of("mapper_svc").parametrize()
def test_mapper_keeps_to_its_document(case: schemathesis.Case[Any], served: ThreadedWorld) -> None:
    check(case, served, "mapper_svc")


@document_of("analysis_svc").parametrize()
def test_analysis_keeps_to_its_document(case: schemathesis.Case[Any], served: ThreadedWorld) -> None:
    check(case, served, "analysis_svc")
