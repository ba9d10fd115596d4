"""The three services in one process: real Postgres, Valkey and tokens; only the network is replaced.

Each service is made by its own `create_app`. What it sends to another service is handed to that one's
application directly, and a test may put a fault in between.
"""

import asyncio
import contextvars
import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from orchestration_svc.adapters import outgoing_calls
from orchestration_svc.adapters.access import Access, make_access
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, SCOPES_OF, Role
from orchestration_svc.domain.keys import AUDIENCES
from tests.contracts.detectors import ScriptedDirectory
from tests.contracts.services import SERVICES, ServiceUnderTest, settings_of
from tests.fixtures.databases import KEY_ENCRYPTION_KEY, ServiceDsns
from tests.fixtures.scripted_calls import ScriptedCalls

ISSUER = "llama-mapper"
EVERY_SCOPE = SCOPES_OF[Role.PLATFORM_ADMIN]
Answering = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass
class Wires(httpx.AsyncBaseTransport):
    """The network between the services; `faults` holds what happens instead of a call, by host."""

    apps: dict[str, Litestar] = field(default_factory=dict)
    faults: dict[str, Answering] = field(default_factory=dict)
    seen: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> Awaitable[httpx.Response]:
        """Make a call of orchestration_svc, whose client is its own."""
        return self.handle_async_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if fault := self.faults.get(request.url.host):
            return await fault(request)
        app = self.apps.get(request.url.host)
        if app is None:
            raise httpx.ConnectError("nothing listens there", request=request)
        # A context of its own, as in a process of its own: what crosses over crosses in headers.
        call = httpx.ASGITransport(app=cast("Any", app)).handle_async_request(request)
        return await asyncio.create_task(call, context=contextvars.Context())


@dataclass
class RunningService:
    """One application, its client, and the spans it ended."""

    table: ServiceUnderTest
    app: Litestar
    client: httpx.AsyncClient
    spans: InMemorySpanExporter

    def metrics(self) -> str:
        """Return what its /metrics would."""
        return generate_latest(self.app.state.metrics.registry).decode()


@dataclass
class World:
    """All of them, and what issues tokens for them."""

    databases: Mapping[str, ServiceDsns]
    valkey_urls: Mapping[str, str]
    wires: Wires
    access: Access
    directory: ScriptedDirectory
    running: dict[str, RunningService] = field(default_factory=dict)

    async def token(
        self,
        *,
        tenant_id: UUID | None = None,
        scopes: frozenset[str] = EVERY_SCOPE,
        audiences: tuple[str, ...] = AUDIENCES,
        roles: frozenset[str] = frozenset({"platform_admin"}),
        lifetime: timedelta = timedelta(minutes=5),
    ) -> str:
        """Sign a token with the key that orchestration_svc signs with."""
        return await self.access.key_ring.sign(
            token_id=str(uuid4()),
            tenant_id=tenant_id or OPERATOR_TENANT_ID,
            roles=roles,
            scopes=scopes,
            audiences=audiences,
            expires_at=datetime.now(UTC) + lifetime,
        )

    async def headers(self, **claims: Any) -> dict[str, str]:
        """Return the headers of a caller with such a token."""
        return {"Authorization": f"Bearer {await self.token(**claims)}"}

    @asynccontextmanager
    async def another(self, service: ServiceUnderTest, **changes: Any) -> AsyncIterator[RunningService]:
        """Run one more of that service, with other settings; the wires do not lead to it."""
        async with AsyncExitStack() as stack:
            yield await self._start(service, stack, changes)

    async def start_all(self, stack: AsyncExitStack) -> None:
        """Start each service of the table and connect it."""
        for service in SERVICES:
            self.running[service.name] = await self._start(service, stack, {})
            self.wires.apps[service.schema] = self.running[service.name].app

    async def _start(
        self, service: ServiceUnderTest, stack: AsyncExitStack, changes: Mapping[str, Any]
    ) -> RunningService:
        settings = settings_of(
            service,
            database_url=self.databases[service.schema].runtime,
            redis_url=self.valkey_urls[service.schema],
            key_encryption_key=KEY_ENCRYPTION_KEY,
            changes=changes,
        )
        spans = InMemorySpanExporter()
        app = _create(service, settings, self.wires, spans, self.directory)
        await stack.enter_async_context(app.lifespan())
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app=cast("Any", app)), base_url=f"http://{service.schema}"
            )
        )
        return RunningService(service, app, client, spans)


def _create(
    service: ServiceUnderTest,
    settings: object,
    wires: Wires,
    spans: InMemorySpanExporter,
    directory: ScriptedDirectory,
) -> Litestar:
    module = importlib.import_module(f"{service.name}.app")
    make_provider: Callable[..., TracerProvider] = module.make_tracer_provider
    wordless = importlib.import_module(f"{service.name}.adapters.tracing").Wordless
    trace: Callable[..., httpx.AsyncClient] = module.trace_client

    def with_exporter(*arguments: Any) -> TracerProvider:
        provider = make_provider(*arguments)
        provider.add_span_processor(SimpleSpanProcessor(wordless(spans)))
        return provider

    def over_wires(client: httpx.AsyncClient, provider: TracerProvider) -> httpx.AsyncClient:
        client._transport = wires
        client._mounts = {}
        return trace(client, provider)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "make_tracer_provider", with_exporter)
        patch.setattr(module, "trace_client", over_wires)
        patch.setattr(outgoing_calls, "OutboundClient", lambda *_, **__: ScriptedCalls(wires))
        fakes = {"directory": directory} if service.runs_detectors else {}
        app: Litestar = module.create_app(settings, **fakes)
    return app


@asynccontextmanager
async def open_world(
    databases: Mapping[str, ServiceDsns], valkey_urls: Mapping[str, str]
) -> AsyncIterator[World]:
    """Run the three services."""
    assert "OTEL_TRACES_EXPORTER" not in os.environ
    database = Database(databases["orchestration"].runtime, pool_size=2, statement_timeout_ms=5_000)
    valkey = make_valkey(valkey_urls["orchestration"], timeout_ms=500)
    access = make_access(database, valkey, key_encryption_key=KEY_ENCRYPTION_KEY, issuer=ISSUER)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        stack.push_async_callback(valkey.aclose)
        world = World(databases, valkey_urls, Wires(), access, ScriptedDirectory())
        await world.start_all(stack)
        yield world
