"""Settings of a tenant on a real database: versioned, audited, never lost, known everywhere soon."""

import asyncio
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
from redis.asyncio import Redis

from orchestration_svc.adapters import tenant_settings_cache
from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.metrics import Metrics
from orchestration_svc.adapters.settings_repository import SettingsRepository
from orchestration_svc.adapters.tenant_settings_cache import CachedTenantSettings
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.limits import Limits
from orchestration_svc.domain.redact import Style
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices
from tests.fixtures.databases import ServiceDsns
from tests.integration.orchestration_svc.conftest import Service, issue

PATH = "/api/v1/settings"
EVERYTHING = {
    "default_policy": "privacy",
    "finding_threshold": 0.25,
    "fail_mode": "open",
    "redaction": "mask",
    "job_retention_days": 30,
    "limits": {
        "requests_per_minute": 10,
        "key_requests_per_minute": 9,
        "concurrent_requests": 8,
        "content_bytes_per_day": 7_000,
        "jobs_queued": 6,
    },
    "response_cache": False,
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for settings on a busy machine; a request goes on without them much sooner."""
    monkeypatch.setattr(tenant_settings_cache, "_WAIT_S", 20.0)


async def put(service: Service, token: str, body: dict[str, Any], *, after: int) -> httpx.Response:
    return await service.call("PUT", PATH, token, json=body, headers={"If-Match": f'"{after}"'})


async def test_defaults_are_shown_beside_what_was_set(service: Service, admin: str) -> None:
    first = await service.call("GET", PATH, admin)
    assert first.headers["etag"] == '"0"'
    assert first.json()["defaults"] == first.json()["effective"]
    assert first.json()["defaults"]["finding_threshold"] == 0.5
    assert first.json()["defaults"]["fail_mode"] == "closed"
    assert first.json()["defaults"]["limits"]["requests_per_minute"] == 60_000
    made = await put(service, admin, EVERYTHING, after=0)
    assert made.status_code == 200, made.text
    assert made.headers["etag"] == '"1"'
    seen = (await service.call("GET", PATH, admin)).json()
    assert seen == made.json()
    assert seen["current"]["set"] == seen["effective"] == EVERYTHING
    assert seen["defaults"] == first.json()["defaults"]


async def test_what_is_set_is_what_holds(
    service: Service, admin: str, tenant: UUID, database: Database, valkey: Redis
) -> None:
    await put(service, admin, EVERYTHING, after=0)
    work = BackgroundWork()
    kept = CachedTenantSettings(SettingsRepository(database), valkey, Metrics(), work)
    async with asyncio.timeout(10):
        while not (held := await kept.of(tenant)).version:  # noqa: ASYNC110 - a busy machine reads late
            await asyncio.sleep(0.05)
    await work.close()
    assert held.choices == RequestChoices(
        "privacy", 0.25, FailMode.OPEN, Style.MASK, 30, Limits(10, 9, 8, 7_000, 6), response_cache=False
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limits": {"requests_per_minute": 60_001}}, "limits.requests_per_minute"),
        ({"limits": {"jobs_queued": 0}}, "limits.jobs_queued"),
        ({"default_policy": "nowhere"}, "default_policy"),
        ({"finding_threshold": 1.5}, "finding_threshold"),
        ({"fail_mode": "ajar"}, "fail_mode"),
        ({"retention": 3}, "retention"),
    ],
)
async def test_what_cannot_hold_is_refused_and_names_the_field(
    service: Service, admin: str, body: dict[str, Any], field: str
) -> None:
    refused = await put(service, admin, body, after=0)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field


async def test_only_who_may_manage_can_change(service: Service, access: Access, tenant: UUID) -> None:
    viewer = await issue(access, tenant, Role.VIEWER)
    assert (await put(service, viewer, {}, after=0)).status_code == 403
    assert (await service.call("GET", PATH, viewer)).json()["current"]["version"] == 0


async def test_one_of_many_who_read_the_same_version_changes_it(service: Service, admin: str) -> None:
    answers = await asyncio.gather(
        *(put(service, admin, {"job_retention_days": day}, after=0) for day in range(1, 7))
    )
    assert sorted(one.status_code for one in answers) == [200, *[409] * 5]


async def test_history_any_version_can_be_restored_and_all_is_audited(service: Service, admin: str) -> None:
    await put(service, admin, {"finding_threshold": 0.9}, after=0)
    await put(service, admin, {}, after=1)
    back = await service.call(
        "POST", f"{PATH}/restore", admin, json={"version": 1}, headers={"If-Match": '"2"'}
    )
    assert (back.json()["current"]["version"], back.json()["effective"]["finding_threshold"]) == (3, 0.9)
    history = (await service.call("GET", f"{PATH}/history", admin)).json()
    assert [one["version"] for one in history["versions"]] == [3, 2, 1]
    assert history["versions"][0]["restored"] == 1
    events = (await service.call("GET", "/api/v1/audit", admin)).json()["events"]
    assert [one["action"] for one in events[:3]] == [
        "settings.restored",
        "settings.changed",
        "settings.changed",
    ]


async def test_other_tenants_see_nothing_of_it(service: Service, admin: str, access: Access) -> None:
    await put(service, admin, EVERYTHING, after=0)
    other = await issue(access, (await access.tenants.create("other", actor="test")).tenant_id, Role.ADMIN)
    assert (await service.call("GET", PATH, other)).json()["current"]["version"] == 0
    assert (await service.call("GET", f"{PATH}/history", other)).json()["versions"] == []


async def test_no_version_can_be_altered_or_removed_by_the_service(
    service: Service, admin: str, tenant: UUID, dsns: ServiceDsns
) -> None:
    await put(service, admin, EVERYTHING, after=0)
    url = dsns.runtime.replace("postgresql+psycopg://", "postgresql://")
    for statement in (
        "update orchestration.tenant_settings set version = 9",
        "delete from orchestration.tenant_settings",
    ):
        with psycopg.connect(url) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(cast("Any", statement))


async def test_default_policy_holds_for_requests_that_name_none(service: Service, admin: str) -> None:
    ask = {"content": "hello", "auto_map": False}
    before = (await service.call("POST", "/api/v1/orchestrate", admin, json=ask)).json()
    assert before["routing_decision"]["policy"] == "default"
    await put(service, admin, {"default_policy": "privacy"}, after=0)
    # Its detectors are not installed here, which is the very sign that it was taken.
    after = await service.call("POST", "/api/v1/orchestrate", admin, json=ask)
    assert after.json()["errors"][0]["field"] == "detectors"
    named = await service.call("POST", "/api/v1/orchestrate", admin, json=ask | {"policy": "default"})
    assert named.json()["routing_decision"]["policy"] == "default"
