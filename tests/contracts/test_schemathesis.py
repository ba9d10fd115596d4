"""Each service keeps to its own OpenAPI document, whatever it is sent.

The committed documents are read, so that tests can be collected without starting anything; that they are
what the code says is tested beside this.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis import CheckFunction
from schemathesis.config import (
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import positive_data_acceptance

from deploy.local import valkey
from tests.contracts.services import SERVICES
from tests.contracts.threaded_world import ThreadedWorld, threaded_world
from tests.fixtures.databases import ServiceDsns

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("LLAMA_MAPPER_SCHEMATHESIS_EXAMPLES", "20"))
# Their contracts answer 400 to what a schema cannot know: policies, detectors, labels and scopes by name.
NOT_FOR: dict[str, list[CheckFunction]] = {
    "orchestration_svc": [positive_data_acceptance],
    "analysis_svc": [positive_data_acceptance],
}
# The same of single operations, in a service whose others take all that fits the schema.
NAMES_LABELS = ("/api/v1/settings",)


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
def served(
    migrated_database: Callable[[str], ServiceDsns], valkey_server: valkey.Cache
) -> Iterator[ThreadedWorld]:
    databases = {service.schema: migrated_database(service.schema) for service in SERVICES}
    urls = {service.schema: valkey_server.url(service.schema) for service in SERVICES}
    with threaded_world(databases, urls) as world:
        yield world


def check(case: schemathesis.Case[Any], served: ThreadedWorld, service: str) -> None:
    if any(isinstance(value, list) for value in (case.query or {}).values()):
        return  # of a query parameter that is sent several times the last one counts
    case.operation.app = case.operation.schema.app = served.asgi(service)
    excluded = NOT_FOR.get(service, [])
    if case.path.startswith(NAMES_LABELS):
        excluded = [*excluded, positive_data_acceptance]
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
