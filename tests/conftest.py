"""Fixtures for tests that need the real servers. Each worker of a parallel run has its own: sharing one
between workers would save 0.8 s a worker and let tests empty each other's tables."""

from collections.abc import Callable, Iterator, Mapping

import pytest
import redis
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from deploy.local import postgres, valkey
from tests.fixtures import databases, servers
from tests.fixtures.databases import ServiceDsns
from tests.fixtures.stacks import RunningStack, stack_environment
from tests.measured_tests import MeasuredTests
from tests.parallel_runs import TogetherOrAnywhere

# A machine that is busy with others draws slowly, which is nothing against a test.
settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Cluster]:
    """A running PostgreSQL; `admin_dsn` is a superuser's."""
    with servers.running_postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[valkey.Cache]:
    """A running Valkey; `url("mapper")` is for that service, `url("admin")` for one who may do everything."""
    with servers.running_valkey() as cache:
        yield cache


@pytest.fixture(scope="session")
def bare_databases(postgres_server: postgres.Cluster) -> Mapping[str, ServiceDsns]:
    """Roles and empty schemas of the three services."""
    return databases.make_databases(postgres_server.admin_dsn)


@pytest.fixture(scope="session")
def migrated_database(bare_databases: Mapping[str, ServiceDsns]) -> Callable[[str], ServiceDsns]:
    """Give the DSNs of a service by its name ("mapper"), its tables made; rows of earlier tests stay."""
    ready: set[str] = set()

    def give(service: str) -> ServiceDsns:
        if service not in ready:
            databases.migrate(service, bare_databases[service])
            ready.add(service)
        return bare_databases[service]

    return give


@pytest.fixture
def empty_database(migrated_database: Callable[[str], ServiceDsns]) -> Callable[[str], ServiceDsns]:
    """Give the DSNs of a service as `migrated_database` does, with every table of it emptied first."""

    def give(service: str) -> ServiceDsns:
        dsns = migrated_database(service)
        databases.empty(service, dsns)
        return dsns

    return give


@pytest.fixture
def orchestration_database(empty_database: Callable[[str], ServiceDsns]) -> ServiceDsns:
    """The migrated, empty schema of orchestration_svc."""
    return empty_database("orchestration")


@pytest.fixture
def mapper_database(empty_database: Callable[[str], ServiceDsns]) -> ServiceDsns:
    """The migrated, empty schema of mapper_svc."""
    return empty_database("mapper")


@pytest.fixture
def analysis_database(empty_database: Callable[[str], ServiceDsns]) -> ServiceDsns:
    """The migrated, empty schema of analysis_svc."""
    return empty_database("analysis")


@pytest.fixture
def empty_valkey(valkey_server: valkey.Cache) -> valkey.Cache:
    """The running Valkey with nothing in it."""
    with redis.Redis.from_url(valkey_server.url(valkey.ADMIN)) as client:
        client.flushall()
    return valkey_server


@pytest.fixture(scope="session")
def real_stack() -> Iterator[RunningStack]:
    """What `make up` starts, real detectors included; a parallel run keeps it to one worker."""
    with stack_environment(stand_ins=False) as environment:
        stack = RunningStack(environment)
        try:
            stack.wait_for("Ctrl-C stops everything", 110)
            yield stack
            stack.end()
        finally:
            stack.process.kill()
            stack.process.wait()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherOrAnywhere:
    """Give pytest-xdist the scheduler, whatever `--dist` says."""
    return TogetherOrAnywhere(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the whole stack."""
    for item in items:
        if "real_stack" in getattr(item, "fixturenames", ()):
            item.add_marker("e2e")


def pytest_collection_finish(session: pytest.Session) -> None:
    """From here on only some tests are measured."""
    session.config.pluginmanager.register(MeasuredTests())
