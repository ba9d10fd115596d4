"""The dashboard on real servers, served over HTTP; keys name their tenant and scopes."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
import uvicorn

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_repository import EvidenceRepository
from analysis_svc.adapters.job_worker import JobWorker, end_of
from analysis_svc.app import create_app
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.settings import example_settings
from deploy.local import valkey
from deploy.local.ports import free_ports
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.dashboard.sample import sample_analyses

VIEWER = "evidence:read frameworks:read insights:read knowledge:read reports:read"
OPERATOR = f"{VIEWER} reports:write incidents:manage audit:read"


@dataclass
class Keys:
    """Takes keys of the form "tenant scope scope …"; those in `revoked` are so no longer."""

    revoked: set[str] = field(default_factory=set)

    async def verify(self, token: str) -> Principal:
        tenant, *scopes = token.split()
        try:
            tenant_id = UUID(tenant)
        except ValueError:
            raise ServiceError(ErrorCode.UNAUTHORIZED, "the token is not valid") from None
        if token in self.revoked:
            raise ServiceError(ErrorCode.UNAUTHORIZED, "this token was revoked")
        return Principal(tenant_id, "test", frozenset(), frozenset(scopes))


@dataclass
class Dashboard:
    """The running dashboard, with a tenant that has evidence and one that has none."""

    url: str
    database_url: str
    keys: Keys
    posts: list[str]
    busy: UUID
    empty: UUID

    def key(self, tenant: UUID | None = None, scopes: str = OPERATOR) -> str:
        return f"{tenant or self.busy} {scopes}"


@pytest.fixture(scope="module")
def dashboard(
    migrated_database: Callable[[str], ServiceDsns], valkey_server: valkey.Cache
) -> Iterator[Dashboard]:
    database = migrated_database("analysis")
    keys, busy, port = Keys(), uuid4(), free_ports(1)[0]
    with ThreadPoolExecutor(1) as thread_of_its_own:  # Playwright keeps this thread's loop to itself
        thread_of_its_own.submit(asyncio.run, fill(database.runtime, busy)).result()
    settings = msgspec.structs.replace(
        example_settings(),
        database_url=database.runtime,
        redis_url=valkey_server.url("analysis"),
        redis_timeout_ms=2_000,
        metrics_port=0,
    )
    app: Any = create_app(settings, verifier=keys)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    await_answer(url)
    # But signing in, which needs no session.
    posts = sorted(
        route.path
        for route in app.routes
        if route.path.startswith("/dashboard") and "POST" in getattr(route, "methods", ())
        if route.path != "/dashboard/sign-in"
    )
    yield Dashboard(url, database.runtime, keys, posts, busy, empty=uuid4())
    server.should_exit = True
    thread.join(10)


@contextmanager
def a_worker(dashboard: Dashboard) -> Iterator[None]:
    """Make reports for as long as the block lasts, as the worker's own process would."""
    ended = threading.Event()

    async def work() -> None:
        settings = msgspec.structs.replace(
            example_settings(), database_url=dashboard.database_url, metrics_port=0
        )
        app = create_app(settings)
        worker: JobWorker = app.state.job_worker
        async with app.lifespan():
            running = asyncio.create_task(worker.run())
            await asyncio.to_thread(ended.wait)
            await end_of(running)

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(asyncio.run, work())
        try:
            yield
        finally:
            ended.set()
            done.result()


async def fill(database_url: str, tenant: UUID) -> None:
    """Keep the evidence of three weeks."""
    database = Database(database_url, pool_size=1, statement_timeout_ms=5_000)
    now = datetime.now(UTC) - timedelta(minutes=5)
    await EvidenceRepository(database).keep(tenant, sample_analyses(now))
    await database.close()


def await_answer(url: str) -> None:
    for _ in range(200):
        try:
            if httpx.get(f"{url}/health/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(url)
