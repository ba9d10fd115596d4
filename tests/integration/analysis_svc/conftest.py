"""analysis_svc on a real Postgres; who calls is decided by the test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from prometheus_client import generate_latest

from analysis_svc import app as analysis_app
from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.app import create_app
from analysis_svc.domain import analyze_requests, tenant_catalogues
from analysis_svc.domain.access import Principal
from analysis_svc.domain.insights import watch_incidents
from analysis_svc.settings import example_settings
from deploy.local import valkey
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import KEY_ENCRYPTION_KEY, ServiceDsns

SCOPES = frozenset(
    {
        "insights:read",
        "incidents:manage",
        "feedback:write",
        "feedback:review",
        "analyze",
        "audit:read",
        "evidence:read",
        "reports:read",
        "reports:write",
        "frameworks:manage",
        "evidence:export",
        "frameworks:read",
    }
)


class AnyTenant:
    """Takes the token for the tenant's id; ``as:<token id>`` and scopes may follow it instead of all."""

    async def verify(self, token: str) -> Principal:
        tenant, *rest = token.split()
        name = next((one.removeprefix("as:") for one in rest if one.startswith("as:")), "test")
        scopes = frozenset(one for one in rest if not one.startswith("as:"))
        return Principal(UUID(tenant), name, frozenset(), scopes or SCOPES)


@dataclass
class Analysis:
    """The running service, as two tenants see it."""

    client: httpx.AsyncClient
    metrics: Callable[[], str]
    tenant: UUID
    other: UUID

    async def analyze(self, body: dict[str, Any], tenant: UUID | None = None) -> dict[str, Any]:
        path = "/api/v1/analyze/batch" if "items" in body else "/api/v1/analyze"
        answer = await self.client.post(path, json=body, headers=bearer(tenant or self.tenant))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def get(self, path: str, tenant: UUID | None = None) -> httpx.Response:
        return await self.client.get(f"/api/v1/evidence{path}", headers=bearer(tenant or self.tenant))


def bearer(tenant: UUID) -> dict[str, str]:
    return {"Authorization": f"Bearer {tenant}"}


# A third of what starting the service takes. What it reads is frozen; the tests of the files read them anew.
read_once = cache(load_catalogue)
StartAnalysis = Callable[[str], AbstractAsyncContextManager[Analysis]]


@pytest.fixture
def start_analysis(valkey_server: valkey.Cache, monkeypatch: pytest.MonkeyPatch) -> StartAnalysis:
    """Start the service on the database of a URL."""
    monkeypatch.setattr(analysis_app, "load_catalogue", read_once)

    @asynccontextmanager
    async def start(database_url: str) -> AsyncIterator[Analysis]:
        settings = msgspec.structs.replace(
            example_settings(),
            database_url=database_url,
            redis_url=valkey_server.url("analysis"),
            metrics_port=0,
            key_encryption_key=KEY_ENCRYPTION_KEY,
        )
        app = create_app(settings, verifier=AnyTenant())
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            yield Analysis(
                client,
                lambda: generate_latest(app.state.metrics.registry).decode(),
                tenant=uuid4(),
                other=uuid4(),
            )

    return start


@pytest.fixture
async def analysis(
    analysis_database: ServiceDsns, start_analysis: StartAnalysis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Analysis]:
    monkeypatch.setattr(analyze_requests, "STORE_LIMIT_S", 5.0)  # a busy machine is no reason to lose any
    monkeypatch.setattr(analyze_requests, "BATCH_STORE_LIMIT_S", 20.0)
    monkeypatch.setattr(tenant_catalogues, "FIRST_LIMIT_S", 5.0)
    monkeypatch.setattr(watch_incidents, "AFTER_S", 3_600.0)  # tests say when incidents are grouped
    async with in_own_task(start_analysis(analysis_database.runtime)) as running:
        yield running
