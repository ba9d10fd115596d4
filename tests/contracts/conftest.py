"""One world for all contract tests of a process. Each test brings tenants of its own."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from analysis_svc.domain import analyze_requests
from mapper_svc.domain import map_request
from orchestration_svc.domain import orchestrate
from orchestration_svc.domain.policy import Budget, Priority
from tests.contracts.own_task import in_own_task
from tests.contracts.services import SERVICES
from tests.contracts.world import RunningService, World, open_world
from tests.fixtures import databases, servers
from tests.fixtures.databases import ServiceDsns

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run every asynchronous test of this folder on the loop that the services live on."""
    mark = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(mark, append=False)


@dataclass(frozen=True, slots=True)
class Servers:
    """What the services of a world run on, by schema."""

    databases: Mapping[str, ServiceDsns]
    valkey_urls: Mapping[str, str]


@pytest.fixture(scope="session")
def world_servers() -> Iterator[Servers]:
    """Servers that no other test touches.

    A world lives until the session ends and goes on looking after what it finds in its database, as any
    replica does: on the other tests' one it would judge their trials and lose its rows to them.
    """
    with servers.running_postgres() as cluster, servers.running_valkey() as cache:
        made = databases.make_databases(cluster.admin_dsn)
        for name, dsns in made.items():
            databases.migrate(name, dsns)
        yield Servers(made, {service.schema: cache.url(service.schema) for service in SERVICES})


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_world(world_servers: Servers) -> AsyncIterator[World]:
    async with in_own_task(open_world(world_servers.databases, world_servers.valkey_urls)) as world:
        yield world


def roomy(priority: Priority, *, mapping: bool, analysis: bool) -> Budget:
    """Budget for a busy machine; how time is really shared out is tested where that is decided."""
    del priority, mapping, analysis
    return Budget(detectors_s=5.0, mapper_s=2.0, analysis_s=2.0)


@pytest.fixture
def world(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The running services, with nothing left of what an earlier test did to them."""
    monkeypatch.setattr(orchestrate, "budget_for", roomy)
    monkeypatch.setattr(analyze_requests, "STORE_LIMIT_S", 5.0)
    monkeypatch.setattr(map_request, "_REVIEW_LIMIT_S", 5.0)
    shared_world.wires.faults.clear()
    shared_world.wires.seen.clear()
    shared_world.directory.put_back()
    for running in shared_world.running.values():
        running.spans.clear()
    return shared_world


@pytest.fixture(params=[service.name for service in SERVICES])
def service(request: pytest.FixtureRequest, world: World) -> RunningService:
    """Each service of the table in turn."""
    return world.running[request.param]
