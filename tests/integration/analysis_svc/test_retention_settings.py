"""What a tenant decides about its data: terms, legal holds, erasures; on a real database."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import msgspec
import psycopg
import pytest

from analysis_svc.app import create_app
from analysis_svc.domain import analyze_requests
from analysis_svc.domain.access import Principal
from analysis_svc.settings import example_settings
from deploy.local import valkey
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns

SCOPES = frozenset({"analyze", "audit:read", "settings:read", "settings:manage", "retention:manage"})
KEY = base64.urlsafe_b64encode(b"s" * 32).decode()
SUBJECT = "jane.roe@example.org"


class TenantAndScopes:
    """Takes the token for the tenant's id; scopes may follow it instead of all."""

    async def verify(self, token: str) -> Principal:
        tenant, *scopes = token.split()
        return Principal(UUID(tenant), "test", frozenset(), frozenset(scopes) or SCOPES)


@dataclass
class Running:
    client: httpx.AsyncClient
    admin: str
    tenant: UUID

    async def call(
        self, method: str, path: str, *, tenant: UUID | None = None, scopes: str = "", **rest: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tenant or self.tenant} {scopes}".strip()}
        if (version := rest.pop("after", None)) is not None:
            headers["If-Match"] = f'"{version}"'
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **rest)

    async def actions(self) -> list[str]:
        events = (await self.call("GET", "/audit")).json()["events"]
        return [event["action"] for event in reversed(events)]


@pytest.fixture
async def running(
    analysis_database: ServiceDsns, valkey_server: valkey.Cache, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    monkeypatch.setattr(analyze_requests, "STORE_LIMIT_S", 5.0)  # a busy machine is no reason to lose any
    settings = msgspec.structs.replace(
        example_settings(),
        database_url=analysis_database.runtime,
        redis_url=valkey_server.url("analysis"),
        metrics_port=0,
        subject_key=KEY,
    )
    app = create_app(settings, verifier=TenantAndScopes())
    transport = httpx.ASGITransport(app=cast("Any", app))
    client = httpx.AsyncClient(transport=transport, base_url="http://analysis")
    async with in_own_task(app.lifespan()), client:
        yield Running(client, analysis_database.admin, uuid4())


async def test_terms_are_versioned_audited_and_shown_beside_the_defaults(running: Running) -> None:
    first = await running.call("GET", "/settings")
    assert first.headers["etag"] == '"0"'
    assert first.json()["effective"]["retention_days"]["evidence"] == 730
    made = await running.call("PUT", "/settings", json={"retention_days": {"evidence": 365}}, after=0)
    assert made.status_code == 200, made.text
    assert made.json()["effective"] == made.json()["defaults"] | {
        "retention_days": made.json()["defaults"]["retention_days"] | {"evidence": 365}
    }
    late = await running.call("PUT", "/settings", json={"archive_evidence": True}, after=0)
    assert (late.status_code, late.json()["errors"][0]["field"]) == (409, "If-Match")
    back = await running.call("POST", "/settings/restore", json={"version": 0}, after=1)
    assert back.json()["effective"] == first.json()["effective"]
    history = (await running.call("GET", "/settings/history")).json()["versions"]
    assert [(one["version"], one["restored"]) for one in history] == [(2, 0), (1, None)]
    assert await running.actions() == ["settings.changed", "settings.restored"]


@pytest.mark.parametrize("days", [29, 3651])
async def test_a_term_beyond_its_limits_is_refused_and_named(running: Running, days: int) -> None:
    refused = await running.call("PUT", "/settings", json={"retention_days": {"evidence": days}}, after=0)
    assert refused.status_code == 400
    fault = refused.json()["errors"][0]
    assert fault == {"field": "retention_days.evidence", "message": "must be from 30 to 3650 days"}


async def test_holds_are_placed_released_once_and_told_for_good(running: Running) -> None:
    body = {"reason": "case 4711", "application": "chat", "covers_from": "2026-01-01T00:00:00Z"}
    placed = await running.call("POST", "/legal-holds", json=body)
    assert placed.status_code == 201, placed.text
    hold = placed.json()
    assert (await running.call("GET", "/legal-holds", tenant=uuid4())).json() == {"holds": []}
    released = await running.call("POST", f"/legal-holds/{hold['hold_id']}/release")
    assert released.json()["released_by"] == "test"
    again = await running.call("POST", f"/legal-holds/{hold['hold_id']}/release")
    assert again.json()["error_code"] == "CONFLICT"
    assert (await running.call("GET", "/legal-holds?active=true")).json()["holds"] == []
    assert (await running.call("GET", "/legal-holds")).json()["holds"] == [released.json()]
    assert await running.actions() == ["legal_hold.placed", "legal_hold.released"]
    stranger = await running.call("POST", f"/legal-holds/{hold['hold_id']}/release", tenant=uuid4())
    assert stranger.status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "x", "covers_from": "2026-01-01T00:00:00"}, "covers_from"),
        (
            {"reason": "x", "covers_from": "2026-02-01T00:00:00Z", "covers_to": "2026-01-01T00:00:00Z"},
            "covers_to",
        ),
    ],
)
async def test_a_hold_that_says_nothing_is_refused(
    running: Running, body: dict[str, Any], field: str
) -> None:
    refused = await running.call("POST", "/legal-holds", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


async def test_only_who_manages_retention_places_holds_or_erases(running: Running) -> None:
    for path, body in (("/legal-holds", {"reason": "x"}), ("/erasures", {"subject": SUBJECT})):
        refused = await running.call("POST", path, json=body, scopes="settings:manage audit:read")
        assert refused.json()["error_code"] == "INSUFFICIENT_RBAC"


async def test_nothing_that_is_kept_names_the_subject(running: Running) -> None:
    body = {"findings": [], "context": {"request_id": "r1", "subject": SUBJECT}}
    answered = await running.call("POST", "/analyze", json=body)
    assert SUBJECT not in answered.text
    asked = await running.call("POST", "/erasures", json={"subject": SUBJECT})
    assert (asked.status_code, asked.json()["state"]) == (202, "pending")
    assert SUBJECT not in asked.text
    with psycopg.connect(running.admin) as admin:
        hashes = admin.execute(
            "select a.subject_hash, e.subject_hash from analysis.analyses a, analysis.erasures e"
        ).fetchall()
        dump = str(admin.execute("select a::text from analysis.analyses a").fetchall())
        dump += str(admin.execute("select a::text from analysis.audit_events a").fetchall())
    assert len(hashes) == 1
    assert hashes[0][0] == hashes[0][1] is not None
    assert SUBJECT not in dump


async def test_the_same_subject_is_another_one_in_another_tenant(running: Running) -> None:
    for tenant in (running.tenant, uuid4()):
        await running.call("POST", "/erasures", json={"subject": SUBJECT}, tenant=tenant)
    with psycopg.connect(running.admin) as admin:
        hashes = admin.execute("select distinct subject_hash from analysis.erasures").fetchall()
    assert len(hashes) == 2
