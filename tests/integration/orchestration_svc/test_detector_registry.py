"""Detectors come, change and go while the service runs; nobody but their tenant sees them."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from prometheus_client import generate_latest

from orchestration_svc.adapters.access import Access
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Role
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, running
from tests.integration.orchestration_svc.stub_server import StubServer

PATH = "/api/v1/detectors"
ANSWER = [[{"start": 0, "end": 4, "detection": "EmailAddress", "detection_type": "pii", "score": 0.9}]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, outbound_hosts="loopback")


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    stub = StubServer(ANSWER)
    await stub.start()
    yield stub
    stub.stop()


def fms(server: StubServer, **changes: Any) -> dict[str, Any]:
    return {
        "name": "hap",
        "adapter": "fms",
        "url": server.url,
        "vendor": "fms_detectors_api",
        "options": {"detector_id": "d"},
        "probe": "none",
        **changes,
    }


def connection(server: StubServer, **changes: Any) -> dict[str, Any]:
    return {name: value for name, value in fms(server, **changes).items() if name != "name"}


async def ask(service: Service, token: str, *detectors: str) -> dict[str, Any]:
    body: dict[str, Any] = {"content": "mail eve@example.com", "auto_map": False, "analyze": False}
    if detectors:
        body["detectors"] = list(detectors)
    answer = await service.call("POST", "/api/v1/orchestrate", token, json=body)
    return {"status": answer.status_code, **answer.json()}


async def statuses(service: Service, token: str, *detectors: str) -> dict[str, str]:
    answer = await ask(service, token, *detectors)
    return {one["detector"]: one["status"] for one in answer["detector_results"]}


async def names(service: Service, token: str) -> dict[str, str]:
    found = (await service.call("GET", PATH, token)).json()["detectors"]
    return {one["name"]: one["scope"] for one in found}


async def test_registered_detector_answers_the_next_request(
    service: Service, admin: str, server: StubServer
) -> None:
    made = await service.call("POST", PATH, admin, json=fms(server))
    assert made.status_code == 201, made.text
    assert (made.json()["scope"], made.json()["weight"]) == ("own", 100)
    assert await statuses(service, admin) == {"alpha": "success", "beta": "success", "hap": "success"}
    assert server.bodies == [{"contents": ["mail eve@example.com"], "detector_params": {}}]
    assert await names(service, admin) == {"alpha": "installed", "beta": "installed", "hap": "own"}


async def test_late_detector_is_asked_once_more_and_the_late_call_is_ended(
    service: Service, admin: str, server: StubServer
) -> None:
    body = fms(server, timeout_ms=30_000, hedge_after_ms=20)
    assert (await service.call("POST", PATH, admin, json=body)).json()["hedge_after_ms"] == 20
    listed = (await service.call("GET", PATH, admin)).json()["detectors"]
    assert {one["name"]: one["hedge_after_ms"] for one in listed} == {"alpha": 0, "beta": 0, "hap": 20}
    server.silent = 1
    assert await statuses(service, admin, "hap") == {"hap": "success"}
    assert len(server.bodies) == 2
    await asyncio.wait_for(server.hung_up.wait(), 5)
    counted = generate_latest(service.app.state.metrics.registry).decode()
    assert re.search(r'detector_hedges_total\{detector="[0-9a-f]{8}/hap@1",outcome="won"\} 1\.0', counted)


async def test_another_tenant_neither_sees_nor_runs_it(
    service: Service, access: Access, admin: str, server: StubServer
) -> None:
    other = (await access.tenants.create("other", actor="test")).tenant_id
    theirs = await issue(access, other, Role.ADMIN)
    await service.call("POST", PATH, admin, json=fms(server))
    assert "hap" not in await names(service, theirs)
    assert (await ask(service, theirs, "hap"))["status"] == 400
    for method, path in (
        ("GET", f"{PATH}/hap/versions"),
        ("DELETE", f"{PATH}/hap/versions/1"),
        ("POST", f"{PATH}/hap/disable"),
    ):
        assert (await service.call(method, path, theirs)).status_code == 404
    taken = await service.call("POST", PATH, theirs, json=fms(server))
    assert taken.status_code == 201  # the same name is free for each tenant


async def test_shared_detector_is_the_platforms_alone_and_runs_for_all(
    service: Service, admin: str, platform: str, server: StubServer
) -> None:
    refused = await service.call("POST", PATH, admin, json=fms(server, shared=True))
    assert (refused.status_code, refused.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    made = await service.call("POST", PATH, platform, json=fms(server, shared=True))
    assert made.status_code == 201
    assert await names(service, admin) == {"alpha": "installed", "beta": "installed", "hap": "shared"}
    assert (await statuses(service, admin))["hap"] == "success"
    (seen,) = (await service.call("GET", f"{PATH}/hap/versions", admin)).json()["versions"]
    assert (seen["url"], seen["options"], seen["secret"]) == (None, None, None)
    assert (await service.call("DELETE", f"{PATH}/hap/versions/1?shared=true", admin)).status_code == 403
    conflict = await service.call("POST", PATH, admin, json=fms(server))
    assert conflict.status_code == 409


async def test_update_disable_enable_and_remove_hold_at_once(
    service: Service, admin: str, server: StubServer
) -> None:
    await service.call("POST", PATH, admin, json=fms(server))
    await statuses(service, admin)
    changed = await service.call(
        "PUT", f"{PATH}/hap/versions/1", admin, json=connection(server, options={"detector_id": "other"})
    )
    assert changed.status_code == 200, changed.text
    await statuses(service, admin)
    assert [one["detector-id"] for one in server.headers] == ["d", "other"]
    assert (await service.call("POST", f"{PATH}/hap/disable", admin)).status_code == 204
    assert "hap" not in await statuses(service, admin)
    assert (await service.call("POST", f"{PATH}/hap/enable", admin)).status_code == 204
    assert "hap" in await statuses(service, admin)
    assert (await service.call("DELETE", f"{PATH}/hap/versions/1", admin)).status_code == 204
    assert "hap" not in await statuses(service, admin)
    assert (await service.call("GET", f"{PATH}/hap/versions", admin)).status_code == 404


async def test_tenant_switches_an_installed_detector_off_for_itself_only(
    service: Service, admin: str, platform: str
) -> None:
    assert (await service.call("POST", f"{PATH}/beta/disable", admin)).status_code == 204
    assert await statuses(service, admin) == {"alpha": "success"}
    assert await statuses(service, platform) == {"alpha": "success", "beta": "success"}
    assert (await service.call("POST", f"{PATH}/beta/enable", admin)).status_code == 204
    assert await statuses(service, admin) == {"alpha": "success", "beta": "success"}
    assert (await service.call("POST", f"{PATH}/nobody/disable", admin)).status_code == 404


async def test_second_version_gets_no_call_before_a_split_and_its_share_after(
    service: Service, admin: str, server: StubServer
) -> None:
    for version in ("1", "2"):
        body = fms(server, version=version, options={"detector_id": f"v{version}"})
        assert (await service.call("POST", PATH, admin, json=body)).status_code == 201
    answers = [await ask(service, admin, "hap") for _ in range(8)]
    assert {one["detector_results"][0]["version"] for one in answers} == {"1"}
    split = {"weights": {"1": 50, "2": 50}}
    assert (await service.call("PUT", f"{PATH}/hap/split", admin, json=split)).status_code == 200
    answers = [await ask(service, admin, "hap") for _ in range(40)]
    assert {one["detector_results"][0]["version"] for one in answers} == {"1", "2"}
    asked = [one["detector-id"] for one in server.headers[8:]]
    assert asked == [f"v{one['detector_results'][0]['version']}" for one in answers]
    gone = await service.call("PUT", f"{PATH}/hap/split", admin, json={"weights": {"2": 1}})
    assert [one["weight"] for one in gone.json()["versions"]] == [0, 1]
    assert (await service.call("DELETE", f"{PATH}/hap/versions/2", admin)).status_code == 409
    assert (await service.call("DELETE", f"{PATH}/hap/versions/1", admin)).status_code == 204


async def test_shadow_is_asked_and_never_answers(service: Service, admin: str, server: StubServer) -> None:
    for version in ("1", "2"):
        body = fms(server, version=version, options={"detector_id": f"v{version}"})
        await service.call("POST", PATH, admin, json=body)
    split = {"weights": {"1": 100}, "shadow": "2"}
    assert (await service.call("PUT", f"{PATH}/hap/split", admin, json=split)).status_code == 200
    answer = await ask(service, admin, "hap")
    assert [one["version"] for one in answer["detector_results"]] == ["1"]
    for _ in range(100):
        if len(server.headers) == 2:
            break
        await asyncio.sleep(0.02)
    assert sorted(one["detector-id"] for one in server.headers) == ["v1", "v2"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://10.0.0.7:8080"}, "url"),
        ({"url": "https://169.254.169.254"}, "url"),
        ({"url": "https://user:pw@example.com"}, "url"),
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "http://example.com"}, "url"),
        ({"options": {}}, "options"),
        ({"options": {"detector_id": "d", "token": "s3cret"}}, "options"),
        ({"auth_header": "Host"}, "auth_header"),
        ({"name": "registry"}, "name"),
        ({"version": "installed"}, "version"),
        ({"probe": "health", "health_path": "//evil?x"}, "health_path"),
        ({"hedge_after_ms": 1_000}, "hedge_after_ms"),
        ({"hedge_after_ms": 100, "retries": 0}, "hedge_after_ms"),
    ],
)
async def test_what_cannot_be_called_is_refused_by_field(
    service: Service, admin: str, server: StubServer, changes: dict[str, Any], field: str
) -> None:
    answer = await service.call("POST", PATH, admin, json=fms(server, **changes))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert "s3cret" not in answer.text


async def test_viewer_may_look_and_change_nothing(
    service: Service, access: Access, tenant: UUID, server: StubServer
) -> None:
    viewer = await issue(access, tenant, Role.VIEWER)
    assert (await service.call("GET", PATH, viewer)).status_code == 200
    assert (await service.call("POST", PATH, viewer, json=fms(server))).status_code == 403


async def test_secret_is_the_tenants_own_and_never_told(
    service: Service,
    access: Access,
    admin: str,
    tenant: UUID,
    server: StubServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = (await access.tenants.create("other", actor="test")).tenant_id
    theirs = await issue(access, other, Role.ADMIN)
    monkeypatch.setenv(f"ORCHESTRATION_DETECTOR_SECRET_{tenant.hex.upper()}_HAP", "s3cret")
    for token in (admin, theirs):
        made = await service.call("POST", PATH, token, json=fms(server, secret="HAP"))
        assert (made.status_code, made.json()["secret"]) == (201, "HAP")
        assert "s3cret" not in made.text
    assert (await statuses(service, admin))["hap"] == "success"
    assert server.headers[0]["authorization"] == "Bearer s3cret"
    answer = await ask(service, theirs, "alpha", "hap")
    assert [one["error"] for one in answer["detector_results"]] == [None, "secret_missing"]
    assert len(server.headers) == 1
    for path in ("", "/hap/versions"):
        assert "s3cret" not in (await service.call("GET", PATH + path, admin)).text


async def test_change_reaches_another_replica_without_restart(
    service: Service, settings: Settings, admin: str, server: StubServer
) -> None:
    async with running(settings) as replica:
        assert "hap" not in await names(replica, admin)
        await asyncio.sleep(0.3)  # until it listens
        await service.call("POST", PATH, admin, json=fms(server))
        for _ in range(40):
            if "hap" in await names(replica, admin):
                break
            await asyncio.sleep(0.05)
        assert (await statuses(replica, admin))["hap"] == "success"


async def test_each_change_is_audited_once_with_where_content_goes(
    service: Service, admin: str, server: StubServer, tenant: UUID, superuser: psycopg.Connection[Any]
) -> None:
    await service.call("POST", PATH, admin, json=fms(server))
    await service.call("POST", f"{PATH}/hap/disable", admin)
    await service.call("DELETE", f"{PATH}/hap/versions/1", admin)
    rows = superuser.execute(
        "SELECT action, detail FROM orchestration.audit_events"
        " WHERE tenant_id = %s AND action LIKE 'detector.%%' ORDER BY seq",
        [tenant],
    ).fetchall()
    assert [action for action, _ in rows] == ["detector.registered", "detector.disabled", "detector.removed"]
    assert rows[0][1]["url"] == server.url


async def test_sixteen_at_once_register_one_version_once(
    service: Service, admin: str, server: StubServer
) -> None:
    made = await asyncio.gather(*(service.call("POST", PATH, admin, json=fms(server)) for _ in range(16)))
    assert sorted(one.status_code for one in made) == [201, *[409] * 15]


async def test_registrations_that_cannot_be_read_are_told_and_never_silently_left_out(
    service: Service, admin: str, superuser: psycopg.Connection[Any]
) -> None:
    superuser.execute("ALTER TABLE orchestration.detectors RENAME TO hidden")
    try:
        answer = await ask(service, admin)
        result = {one["detector"]: one for one in answer["detector_results"]}["registry"]
        assert (result["status"], result["error"]) == ("unavailable", "registry_unread")
        assert answer["status"] == 206
    finally:
        superuser.execute("ALTER TABLE orchestration.hidden RENAME TO detectors")


async def test_operators_admin_without_the_platforms_role_changes_nothing_shared(
    service: Service, access: Access, server: StubServer
) -> None:
    token = await issue(access, OPERATOR_TENANT_ID, Role.ADMIN)
    assert (await service.call("POST", PATH, token, json=fms(server))).status_code == 403
