"""mapper_svc on a real Postgres and Valkey, with model servers that do as they are told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from prometheus_client import generate_latest

from deploy.local import valkey
from mapper_svc.adapters.taxonomy_files import available_editions
from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.app import create_app
from mapper_svc.domain.access import Principal
from mapper_svc.domain.audit import OPERATOR_TENANT_ID
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.settings import example_settings
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns
from tests.fixtures.fake_bento import TOKEN, VERSION, FakeBento, running_fake_bento

LABELS = tuple(load_catalogue(available_editions()[-1]).taxonomy.labels)
PLATFORM = "platform"
A, B, C = "a" * 12, "b" * 12, "c" * 12
EMAIL, HARASSMENT = "PII.Contact.Email", "HARM.SPEECH.Harassment"


class Tokens:
    """Takes a tenant's id for an analyst and operator of it, and `PLATFORM` for a platform admin."""

    async def verify(self, token: str) -> Principal:
        if token == PLATFORM:
            scopes = frozenset({"models:read", "models:manage", "audit:read", "map"})
            return Principal(OPERATOR_TENANT_ID, "ann", frozenset({"platform_admin"}), scopes)
        kind, _, tenant = token.rpartition("/")
        held = {"": {"map", "models:read"}, "widened": {"map", "models:read", "models:manage"}}.get(kind)
        if held is None:
            raise ServiceError(ErrorCode.UNAUTHORIZED, "no such token")
        return Principal(UUID(tenant), "tenant", frozenset({"operator"}), frozenset(held))


@dataclass
class Replica:
    """One running process of the service, as it were."""

    client: httpx.AsyncClient
    metrics: Callable[[], str]

    async def map(self, tenant: UUID, label: str, vendor: str = "acme_guard") -> dict[str, Any]:
        answer = await self.client.post(
            "/api/v1/map",
            json={"detector": vendor, "output": label},
            headers={"Authorization": f"Bearer {tenant}"},
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def ask(
        self, method: str, path: str = "", *, whose: object = PLATFORM, **body: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {whose}"}
        sent = body if method == "POST" else None
        return await self.client.request(method, f"/api/v1/models{path}", headers=headers, json=sent)

    async def do(self, path: str = "", **body: Any) -> dict[str, Any]:
        """POST as a platform admin, and have it succeed; on a busy machine at the second attempt."""
        answer = await self.ask("POST", path, **body)
        for _ in range(5):
            if answer.status_code != 503:
                break
            await asyncio.sleep(1)
            answer = await self.ask("POST", path, **body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def state(self) -> dict[str, Any]:
        answer = await self.ask("GET")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def states(self) -> dict[str, str]:
        return {model["version"]: model["state"] for model in (await self.state())["models"]}

    async def audit(self) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/v1/audit", headers={"Authorization": f"Bearer {PLATFORM}"})
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["events"]))


StartReplica = Callable[..., AbstractAsyncContextManager[Replica]]


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 20.0) -> float:
    """Wait for it; return the seconds that it took."""
    began = time.monotonic()
    while not await holds():
        assert time.monotonic() - began < within_s, "it did not come about in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.fixture
def start_replica(mapper_database: ServiceDsns, empty_valkey: valkey.Cache) -> StartReplica:
    """Start one more replica on the same database and Valkey, with other settings where given."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Replica]:
        given = {
            "database_url": mapper_database.runtime,
            "redis_url": empty_valkey.url("mapper"),
            "redis_timeout_ms": 1_000,
            "metrics_port": 0,
            "model_token": TOKEN,
        }
        settings = msgspec.structs.replace(example_settings(), **(given | changes))
        app = create_app(settings, verifier=Tokens())
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://mapper") as client:
            yield Replica(client, lambda: generate_latest(app.state.metrics.registry).decode())

    return start


@pytest.fixture
async def replica(start_replica: StartReplica) -> AsyncIterator[Replica]:
    async with in_own_task(start_replica()) as running:
        yield running


MakeBento = Callable[..., FakeBento]


@pytest.fixture
def make_bento() -> Iterator[MakeBento]:
    """Run a model server of a release; it calls every label the one given."""
    with ExitStack() as stack:

        def make(release: str, says: str = EMAIL, confidence: float = 0.95, **fields: Any) -> FakeBento:
            version = dict(VERSION) | {"version": release, "adapter": f"{release}0000", "calibrator": release}
            bento = stack.enter_context(
                running_fake_bento(LABELS, version=version | fields.pop("version", {}))
            )
            bento.meanings = always(says, confidence)
            for name, value in fields.items():
                setattr(bento, name, value)
            return bento

        yield make


def always(says: str, confidence: float) -> dict[str, Any]:
    """Give every raw label one meaning."""
    return _Always({says: confidence})


class _Always(dict[str, Any]):
    """Any raw label means the same."""

    def __init__(self, meaning: dict[str, float]) -> None:
        super().__init__()
        self._meaning = meaning

    def get(self, _: object, __: object = None) -> Any:
        return self._meaning


@pytest.fixture
def tenants() -> list[UUID]:
    return [uuid4() for _ in range(40)]
