"""mapper_svc on a real Postgres; who calls is decided by the test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from prometheus_client import generate_latest

from deploy.local import valkey
from mapper_svc.app import create_app
from mapper_svc.domain.access import Principal
from mapper_svc.settings import example_settings
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns

SCOPES = frozenset(
    {"map", "review:read", "settings:manage", "settings:read", "taxonomy:read"}
    | {"audit:read", "feedback:review", "feedback:write"}
)


class AnyTenant:
    """Takes the token for the tenant's id; behind it may stand the key's id and what it lacks."""

    async def verify(self, token: str) -> Principal:
        tenant, *said = token.split()
        return Principal(UUID(tenant), (said or ["test"])[0], frozenset(), SCOPES.difference(said[1:]))


@dataclass
class Mapper:
    """The running service, as two tenants see it."""

    client: httpx.AsyncClient
    metrics: Callable[[], str]
    tenant: UUID
    other: UUID

    async def map(self, body: dict[str, Any], tenant: UUID | None = None) -> dict[str, Any]:
        path = "/api/v1/map/batch" if "items" in body else "/api/v1/map"
        answer = await self.client.post(path, json=body, headers=bearer(tenant or self.tenant))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def review(self, tenant: UUID | None = None, limit: int = 500) -> list[dict[str, Any]]:
        answer = await self.client.get(f"/api/v1/review?limit={limit}", headers=bearer(tenant or self.tenant))
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


def bearer(tenant: UUID) -> dict[str, str]:
    return {"Authorization": f"Bearer {tenant}"}


StartMapper = Callable[..., AbstractAsyncContextManager[Mapper]]


@pytest.fixture
def start_mapper(valkey_server: valkey.Cache) -> StartMapper:
    """Start the service on the database of a URL, with other settings as named."""

    @asynccontextmanager
    async def start(database_url: str, **changes: Any) -> AsyncIterator[Mapper]:
        given = {"database_url": database_url, "redis_url": valkey_server.url("mapper"), "metrics_port": 0}
        settings = msgspec.structs.replace(example_settings(), **(given | changes))
        app = create_app(settings, verifier=AnyTenant())
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://mapper") as client:
            yield Mapper(
                client,
                lambda: generate_latest(app.state.metrics.registry).decode(),
                tenant=uuid4(),
                other=uuid4(),
            )

    return start


@pytest.fixture
async def mapper(mapper_database: ServiceDsns, start_mapper: StartMapper) -> AsyncIterator[Mapper]:
    async with in_own_task(start_mapper(mapper_database.runtime)) as running:
        yield running
