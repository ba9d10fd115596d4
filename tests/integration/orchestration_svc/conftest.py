"""The service on a real Postgres and a real Valkey; detectors, mapper and analysis are fakes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import Litestar
from redis.asyncio import Redis

from deploy.local.valkey import Cache
from orchestration_svc.__main__ import main
from orchestration_svc.adapters.access import Access, make_access
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.app import create_app
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Role
from orchestration_svc.settings import Settings
from tests.fixtures.databases import KEY_ENCRYPTION_KEY, ServiceDsns
from tests.unit.orchestration_svc.fakes import FakeAnalysis, FakeDetector, FakeDirectory, FakeMapper


@dataclass
class Service:
    """The running application and what stands around it."""

    app: Litestar
    client: httpx.AsyncClient
    mapper: FakeMapper
    analysis: FakeAnalysis
    detectors: list[FakeDetector]

    async def call(self, method: str, path: str, token: str = "", **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(method, path, headers=headers | sent.pop("headers", {}), **sent)


Run = Callable[[Settings], Any]
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dsns(orchestration_database: ServiceDsns) -> ServiceDsns:
    """The emptied schema with the one row that the migration puts in."""
    with psycopg.connect(orchestration_database.admin) as admin:
        admin.execute(
            "INSERT INTO orchestration.tenants (id, name) VALUES (%s, 'operator') ON CONFLICT DO NOTHING",
            [OPERATOR_TENANT_ID],
        )
    return orchestration_database


@pytest.fixture
def settings(dsns: ServiceDsns, empty_valkey: Cache) -> Settings:
    return Settings(
        database_url=dsns.runtime,
        redis_url=empty_valkey.url("orchestration"),
        key_encryption_key=KEY_ENCRYPTION_KEY,
        mapper_url="http://127.0.0.1:9",
        analysis_url="http://127.0.0.1:9",
        migration_database_url=dsns.migration,
        metrics_port=0,
        response_cache_s=0,  # the same text is sent again and again, and detectors are to be asked each time
    )


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Start and stop the application as a server does: from one task of its own, which fixtures are not."""
    orders: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    reports: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.create_task(app(scope, orders.get, reports.put))  # type: ignore[arg-type]

    async def order(what: str) -> None:
        await orders.put({"type": f"lifespan.{what}"})
        report = await reports.get()
        assert report["type"] == f"lifespan.{what}.complete", report

    await order("startup")
    try:
        yield
    finally:
        await order("shutdown")
        await task


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Start the service, life cycle and all, with two detectors that find nothing."""
    mapper, analysis = FakeMapper(), FakeAnalysis()
    detectors = [FakeDetector("alpha", says=["EMAIL"]), FakeDetector("beta")]
    app = create_app(settings, directory=FakeDirectory(*detectors), mapper=mapper, analysis=analysis)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield Service(app, client, mapper, analysis, detectors)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with running(settings) as started:
        yield started


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url, pool_size=5, statement_timeout_ms=5_000)
    yield opened
    await opened.close()


@pytest.fixture
async def valkey(settings: Settings) -> AsyncIterator[Redis]:
    opened = make_valkey(settings.redis_url, timeout_ms=1_000)
    yield opened
    await opened.aclose()


@pytest.fixture
async def access(settings: Settings, database: Database, valkey: Redis) -> Access:
    """A second process, as it were: the same tables and cache, another memory."""
    return make_access(
        database, valkey, key_encryption_key=settings.key_encryption_key, issuer=settings.issuer
    )


async def issue(access: Access, tenant_id: UUID, role: Role, **more: Any) -> str:
    """Return the token of a new key."""
    issued = await access.keys.issue(
        tenant_id=tenant_id,
        granter=None,
        name=f"{role.value} key",
        roles=frozenset({role}),
        scopes=more.get("scopes"),
        lifetime=more.get("lifetime", timedelta(days=1)),
    )
    return issued.token


@pytest.fixture
async def platform(access: Access) -> str:
    """A platform admin's token."""
    return await issue(access, OPERATOR_TENANT_ID, Role.PLATFORM_ADMIN)


@pytest.fixture
async def tenant(access: Access) -> UUID:
    return (await access.tenants.create("acme", actor="test")).tenant_id


@pytest.fixture
async def admin(access: Access, tenant: UUID) -> str:
    """The token of an admin of `tenant`."""
    return await issue(access, tenant, Role.ADMIN)


@pytest.fixture
def superuser(dsns: ServiceDsns) -> Iterator[psycopg.Connection[Any]]:
    """One whom no policy and no grant stops."""
    with psycopg.connect(dsns.admin, autocommit=True) as connection:
        yield connection


@pytest.fixture
def cli(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call the command line in this process; returns exit status, output and errors."""
    for name in ("database_url", "redis_url", "key_encryption_key", "mapper_url", "analysis_url"):
        monkeypatch.setenv(f"ORCHESTRATION_{name.upper()}", getattr(settings, name))
    monkeypatch.setenv("ORCHESTRATION_MIGRATION_DATABASE_URL", settings.migration_database_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["orchestration_svc", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run
