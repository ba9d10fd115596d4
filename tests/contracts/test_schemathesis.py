"""Each service keeps to its own OpenAPI document, whatever it is sent.

The committed documents are read, so that tests can be collected without starting anything; that they are
what the code says is tested beside this.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig

from deploy.local import valkey
from tests.contracts.services import SERVICES
from tests.contracts.threaded_world import ThreadedWorld, threaded_world
from tests.fixtures.databases import ServiceDsns

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("LLAMA_MAPPER_SCHEMATHESIS_EXAMPLES", "20"))


def document_of(service: str) -> schemathesis.BaseSchema:
    generation = GenerationConfig(max_examples=EXAMPLES, deterministic=True)
    config = SchemathesisConfig(projects=ProjectsConfig(default=ProjectConfig(base_url="http://127.0.0.1", generation=generation)))
    return schemathesis.openapi.from_path(ROOT / service / "openapi.json", config=config)


@pytest.fixture(scope="session")
def served(
    migrated_database: Callable[[str], ServiceDsns], valkey_server: valkey.Cache
) -> Iterator[ThreadedWorld]:
    databases = {service.schema: migrated_database(service.schema) for service in SERVICES}
    urls = {service.schema: valkey_server.url(service.schema) for service in SERVICES}
    with threaded_world(databases, urls) as world:
        yield world


def check(case: schemathesis.Case, served: ThreadedWorld, service: str) -> None:
    headers = served.run(lambda world: world.headers())
    case.call_and_validate(headers=headers, app=served.asgi(service))


@document_of("orchestration_svc").parametrize()
def test_orchestration_keeps_to_its_document(case: schemathesis.Case, served: ThreadedWorld) -> None:
    check(case, served, "orchestration_svc")


@document_of("mapper_svc").parametrize()
def test_mapper_keeps_to_its_document(case: schemathesis.Case, served: ThreadedWorld) -> None:
    check(case, served, "mapper_svc")


@document_of("analysis_svc").parametrize()
def test_analysis_keeps_to_its_document(case: schemathesis.Case, served: ThreadedWorld) -> None:
    check(case, served, "analysis_svc")
