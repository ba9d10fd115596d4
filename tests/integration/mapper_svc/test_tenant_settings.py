"""Settings of a tenant on a real database: versioned, audited, never lost, known everywhere soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest

from deploy.local import valkey
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.metrics import Metrics
from mapper_svc.adapters.settings_repository import SettingsRepository
from mapper_svc.adapters.tenant_settings_cache import CachedTenantSettings
from mapper_svc.adapters.valkey import make_valkey
from mapper_svc.app import create_app
from mapper_svc.domain.access import Principal
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.tenant_settings import Piece
from mapper_svc.settings import example_settings
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns

SETTINGS = "/api/v1/settings"
ADMIN = frozenset({"settings:read", "settings:manage", "audit:read"})
DEAD = "postgresql+psycopg://nobody@127.0.0.1:1/none"


class TenantAndRole:
    """Takes the token for a tenant's id and, behind a slash, the role."""

    async def verify(self, token: str) -> Principal:
        tenant, _, role = token.partition("/")
        scopes = ADMIN if role == "admin" else ADMIN - {"settings:manage"}
        return Principal(UUID(tenant), f"{role}-token", frozenset({role}), scopes)


@dataclass
class Running:
    client: httpx.AsyncClient
    tenant: UUID

    async def call(self, method: str, path: str = "", *, role: str = "admin", **rest: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tenant}/{role}"}
        if (version := rest.pop("after", None)) is not None:
            headers["If-Match"] = f'"{version}"'
        return await self.client.request(method, SETTINGS + path, headers=headers, **rest)

    async def put(self, body: dict[str, Any], *, after: int, role: str = "admin") -> httpx.Response:
        return await self.call("PUT", json=body, after=after, role=role)


@asynccontextmanager
async def started(database_url: str, valkey_server: valkey.Cache) -> AsyncIterator[Running]:
    settings = msgspec.structs.replace(
        example_settings(), database_url=database_url, redis_url=valkey_server.url("mapper"), metrics_port=0
    )
    app = create_app(settings, verifier=TenantAndRole())
    transport = httpx.ASGITransport(app=cast("Any", app))
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://mapper") as client:
        yield Running(client, uuid4())


@pytest.fixture
async def running(mapper_database: ServiceDsns, valkey_server: valkey.Cache) -> AsyncIterator[Running]:
    async with in_own_task(started(mapper_database.runtime, valkey_server)) as one:
        yield one


async def test_defaults_stand_beside_what_was_set(running: Running) -> None:
    first = await running.call("GET", role="viewer")
    assert first.status_code == 200
    assert first.headers["etag"] == '"0"'
    assert first.json()["current"]["version"] == 0
    assert set(first.json()["defaults"]["tiers"].values()) == {True}

    body = {"tiers": {"model": False}, "label_thresholds": {"PII.Contact.Email": 0.9}}
    made = await running.put(body, after=0)
    assert made.status_code == 200, made.text
    assert made.headers["etag"] == '"1"'
    seen = (await running.call("GET")).json()
    assert seen == made.json()
    assert seen["current"]["set"]["tiers"] == {
        "rule": None,
        "model": False,
        "semantic": None,
        "similarity": None,
    }
    assert seen["current"]["changed_by"] == "admin-token"
    assert seen["effective"]["tiers"]["model"] is False
    assert seen["effective"]["tiers"]["rule"] is True
    assert seen["defaults"]["tiers"]["model"] is True
    assert seen["effective"]["feedback_for_training"] is False


async def test_only_who_may_manage_can_change(running: Running) -> None:
    refused = await running.put({}, after=0, role="viewer")
    assert refused.status_code == 403
    assert refused.json()["error_code"] == "INSUFFICIENT_RBAC"
    assert (await running.call("GET")).json()["current"]["version"] == 0


async def test_second_of_two_who_read_the_same_version_is_told(running: Running) -> None:
    answers = await asyncio.gather(
        *(running.put({"threshold": 0.9 + number / 100}, after=0) for number in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    lost = next(answer for answer in answers if answer.status_code == 409).json()
    assert (lost["error_code"], lost["errors"][0]["field"]) == ("CONFLICT", "If-Match")
    assert (await running.call("GET")).json()["current"]["version"] == 1
    assert (await running.put({}, after=2)).status_code == 409


@pytest.mark.parametrize("sent", [None, "1", '"x"', 'W/"1"', "*"])
async def test_change_without_the_version_it_builds_on_is_refused(running: Running, sent: str | None) -> None:
    headers = {"Authorization": f"Bearer {running.tenant}/admin"} | ({"If-Match": sent} if sent else {})
    refused = await running.client.put(SETTINGS, json={}, headers=headers)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "If-Match"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"threshold": 0.3}, "threshold"),
        ({"threshold": "high"}, "threshold"),
        ({"label_thresholds": {"PII.Contact.Email": 0.2}}, "label_thresholds.PII.Contact.Email"),
        ({"label_thresholds": {"NO.Such": 0.9}}, "label_thresholds"),
        ({"tiers": {"oracle": True}}, "tiers.oracle"),
        ({"tires": {}}, "tires"),
    ],
)
async def test_what_cannot_hold_is_refused_and_names_the_field(
    running: Running, body: dict[str, Any], field: str
) -> None:
    refused = await running.put(body, after=0)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field
    assert (await running.call("GET")).json()["current"]["version"] == 0


async def test_history_tells_every_version_and_any_can_be_restored(running: Running) -> None:
    for number in range(3):
        await running.put({"threshold": 0.9 + number / 100}, after=number)
    back = await running.call("POST", "/restore", json={"version": 1}, after=3)
    assert back.status_code == 200, back.text
    assert back.json()["effective"]["threshold"] == 0.9
    again = await running.call("POST", "/restore", json={"version": 1}, after=3)
    assert again.status_code == 409
    page = (await running.call("GET", "/history?limit=3")).json()
    assert [(one["version"], one["restored"]) for one in page["versions"]] == [(4, 1), (3, None), (2, None)]
    rest = (await running.call("GET", f"/history?limit=3&before={page['before']}")).json()
    assert [one["version"] for one in rest["versions"]] == [1]
    assert rest["before"] is None
    to_defaults = await running.call("POST", "/restore", json={"version": 0}, after=4)
    assert to_defaults.json()["effective"] == to_defaults.json()["defaults"]
    assert (await running.call("POST", "/restore", json={"version": 99}, after=5)).status_code == 404


async def test_every_change_is_in_the_audit_log(running: Running) -> None:
    await running.put({"feedback_for_training": True}, after=0)
    await running.call("POST", "/restore", json={"version": 0}, after=1)
    await running.put({"threshold": 0.1}, after=2)
    headers = {"Authorization": f"Bearer {running.tenant}/admin"}
    events = (await running.client.get("/api/v1/audit", headers=headers)).json()["events"]
    assert [(event["action"], event["subject"]) for event in events] == [
        ("settings.restored", "settings/2"),
        ("settings.changed", "settings/1"),
    ]
    assert events[1]["detail"]["chosen"] == {"feedback_for_training": True}
    verified = await running.client.get("/api/v1/audit/verify", headers=headers)
    assert verified.json()["intact"]


async def test_other_tenants_see_nothing_of_it(running: Running) -> None:
    await running.put({"threshold": 0.95}, after=0)
    other = Running(running.client, uuid4())
    assert (await other.call("GET")).json()["current"]["version"] == 0
    assert (await other.call("GET", "/history")).json()["versions"] == []
    assert (await other.call("POST", "/restore", json={"version": 1}, after=0)).status_code == 404


async def test_no_version_can_be_altered_or_removed_by_the_service(
    running: Running, mapper_database: ServiceDsns
) -> None:
    await running.put({"threshold": 0.95}, after=0)
    url = mapper_database.runtime.replace("postgresql+psycopg://", "postgresql://")
    for statement in ("update mapper.tenant_settings set version = 9", "delete from mapper.tenant_settings"):
        with psycopg.connect(url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", [str(running.tenant)])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(cast("Any", statement))


@asynccontextmanager
async def another_process(
    mapper_database: ServiceDsns, valkey_server: valkey.Cache
) -> AsyncIterator[CachedTenantSettings]:
    """The cache of a process that changes nothing itself."""
    async with AsyncExitStack() as stack:
        database = Database(mapper_database.runtime, pool_size=2, statement_timeout_ms=5_000)
        stack.push_async_callback(database.close)
        client = make_valkey(valkey_server.url("mapper"), timeout_ms=150)
        stack.push_async_callback(client.aclose)
        background = BackgroundWork()
        stack.push_async_callback(background.close)
        cache = CachedTenantSettings(SettingsRepository(database), client, Metrics(), background)
        background.start(cache.follow())
        yield cache


async def heard(other: CachedTenantSettings, tenant: UUID) -> None:
    """Ask, as requests would, until the settings are no longer the defaults."""
    while not (await other.of(tenant)).version:  # noqa: ASYNC110 - what is waited for is in another process
        await asyncio.sleep(0.01)


async def test_change_is_known_to_another_process_within_a_second(
    running: Running, mapper_database: ServiceDsns, valkey_server: valkey.Cache
) -> None:
    async with in_own_task(another_process(mapper_database, valkey_server)) as other:
        await asyncio.sleep(0.3)  # until it listens
        assert (await other.of(running.tenant)).version == 0
        await running.put({"tiers": {"semantic": False}}, after=0)
        async with asyncio.timeout(1):
            await heard(other, running.tenant)
        assert not (await other.of(running.tenant)).choices.on(Piece.SEMANTIC)


async def test_listening_goes_on_after_valkey_cut_the_connection(
    running: Running, mapper_database: ServiceDsns, valkey_server: valkey.Cache
) -> None:
    async with in_own_task(another_process(mapper_database, valkey_server)) as other:
        await asyncio.sleep(0.3)
        assert (await other.of(running.tenant)).version == 0
        admin = make_valkey(valkey_server.url(valkey.ADMIN), timeout_ms=500)
        await admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
        await admin.aclose()
        await running.put({"threshold": 0.97}, after=0)
        async with asyncio.timeout(5):
            await heard(other, running.tenant)


async def test_dead_database_refuses_changes_and_says_that_they_may_work_later(
    valkey_server: valkey.Cache,
) -> None:
    async with in_own_task(started(DEAD, valkey_server)) as one:
        for answer in (await one.call("GET"), await one.put({}, after=0)):
            assert answer.status_code == 503
            assert answer.json()["retryable"]
