"""The audit log on a real database: complete, append-only for the service, telling on whoever edits it."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.audit_repository import AuditRepository, append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Role
from tests.integration.orchestration_svc.conftest import Cli, Service, issue

AUDIT = "/api/v1/audit"
Superuser = psycopg.Connection[Any]


async def append(database: Database, tenant_id: UUID, number: int) -> None:
    async with database.tenant(tenant_id) as connection:
        await append_event(
            connection,
            tenant_id=tenant_id,
            actor="test",
            action="tested",
            subject=str(number),
            detail={"ü\u2028": ["a", "b"], "n": number},
        )


@pytest.fixture
async def chain(database: Database, tenant: UUID) -> UUID:
    """A tenant with five events."""
    for number in range(5):
        await append(database, tenant, number)
    return tenant


async def test_every_act_on_keys_and_tenants_is_in_the_log_of_whom_it_concerns(
    service: Service, platform: str, access: Access
) -> None:
    made = await service.call("POST", "/api/v1/tenants", platform, json={"name": "acme"})
    tenant_id = made.json()["tenant_id"]
    body = {"name": "first", "roles": ["admin"]}
    first = (await service.call("POST", f"/api/v1/tenants/{tenant_id}/keys", platform, json=body)).json()
    key = first["key"]["key_id"]
    await service.call("POST", f"/api/v1/keys/{key}/rotate", first["token"], json={"overlap_s": 60})
    await service.call("DELETE", f"/api/v1/keys/{key}", first["token"])
    operators = await issue(access, UUID(tenant_id), Role.OPERATOR)

    events = (await service.call("GET", AUDIT, operators)).json()["events"]
    assert [(event["action"], event["subject"] == key) for event in reversed(events)] == [
        ("key.issued", True),
        ("key.issued", False),
        ("key.rotated", True),
        ("key.revoked", True),
        ("key.issued", False),
    ]
    assert [event["actor"] for event in events[1:4]] == [key] * 3
    platforms = (await service.call("GET", AUDIT, platform)).json()["events"]
    assert (platforms[0]["action"], platforms[0]["subject"]) == ("tenant.created", tenant_id)
    assert first["token"] not in json.dumps(events + platforms)


async def test_log_is_read_page_by_page_without_gap_or_repeat(
    service: Service, access: Access, chain: UUID
) -> None:
    token = await issue(access, chain, Role.OPERATOR)
    seen: list[int] = []
    before: dict[str, int] = {}
    while True:
        page = (await service.call("GET", AUDIT, token, params={"limit": 2, **before})).json()
        seen += [event["seq"] for event in page["events"]]
        if page["before"] is None:
            break
        before = {"before": page["before"]}
    assert seen == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "before=0", "before=99999999999999999999"]
)
async def test_wrong_page_is_refused(service: Service, admin: str, query: str) -> None:
    answer = await service.call("GET", f"{AUDIT}?{query}", admin)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_log_of_another_tenant_is_not_to_be_seen(service: Service, access: Access, chain: UUID) -> None:
    other = (await access.tenants.create("other", actor="test")).tenant_id
    token = await issue(access, other, Role.OPERATOR)
    events = (await service.call("GET", AUDIT, token)).json()["events"]
    assert [event["action"] for event in events] == ["key.issued"]
    assert (await service.call("GET", f"{AUDIT}/verify", token)).json()["events"] == 1
    assert chain != other


async def test_untouched_chain_verifies(service: Service, access: Access, chain: UUID) -> None:
    token = await issue(access, chain, Role.OPERATOR)
    state = (await service.call("GET", f"{AUDIT}/verify", token)).json()
    assert (state["events"], state["intact"], state["broken_at"]) == (6, True, None)
    newest = (await service.call("GET", AUDIT, token)).json()["events"][0]
    assert newest["hash"] == state["head"]


async def test_concurrent_writers_keep_one_chain_without_gaps(database: Database, tenant: UUID) -> None:
    await asyncio.gather(*(append(database, tenant, number) for number in range(20)))
    state = await AuditRepository(database).verify(tenant)
    assert (state.events, state.intact) == (20, True)
    events = await AuditRepository(database).page(tenant, before=None, limit=500)
    assert [event.seq for event in events] == list(range(20, 0, -1))
    assert {event.subject for event in events} == {str(number) for number in range(20)}


async def test_verifying_beside_writers_raises_no_false_alarm(database: Database, tenant: UUID) -> None:
    await append(database, tenant, 0)
    log = AuditRepository(database)
    states = await asyncio.gather(
        *(log.verify(tenant) if number % 3 == 0 else append(database, tenant, number) for number in range(15))
    )
    assert all(state.intact for state in states if state is not None)


async def test_act_that_is_not_done_leaves_no_event(database: Database, tenant: UUID) -> None:
    async def fail() -> None:
        async with database.tenant(tenant) as connection:
            await append_event(connection, tenant_id=tenant, actor="a", action="b", subject="c", detail={})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    state = await AuditRepository(database).verify(tenant)
    assert (state.events, state.intact) == (0, True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orchestration.audit_events SET actor = 'me'",
        "DELETE FROM orchestration.audit_events",
        "TRUNCATE orchestration.audit_events",
        "DELETE FROM orchestration.audit_heads",
        "DROP TABLE orchestration.audit_events",
        "ALTER TABLE orchestration.audit_events DISABLE ROW LEVEL SECURITY",
    ],
)
async def test_service_itself_cannot_rewrite_the_log(database: Database, chain: UUID, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        async with database.tenant(chain) as connection:
            await connection.execute(text(statement))


TAMPERINGS: dict[str, tuple[str, int]] = {
    "changed": ("UPDATE orchestration.audit_events SET actor = 'me' WHERE seq = 3 AND tenant_id = %s", 3),
    "detail": ("UPDATE orchestration.audit_events SET detail = '{}' WHERE seq = 2 AND tenant_id = %s", 2),
    "moved in time": (
        "UPDATE orchestration.audit_events SET at = at - interval '1 day' WHERE seq = 1 AND tenant_id = %s",
        1,
    ),
    "removed": ("DELETE FROM orchestration.audit_events WHERE seq = 2 AND tenant_id = %s", 2),
    "cut off": ("DELETE FROM orchestration.audit_events WHERE seq > 3 AND tenant_id = %s", 4),
    "emptied": ("DELETE FROM orchestration.audit_events WHERE tenant_id = %s", 1),
    "put in": (
        """INSERT INTO orchestration.audit_events
           SELECT tenant_id, 6, at, actor, action, subject, detail, hash, hash
           FROM orchestration.audit_events WHERE seq = 5 AND tenant_id = %s""",
        6,
    ),
    "head forgotten": ("DELETE FROM orchestration.audit_heads WHERE tenant_id = %s", 6),
    "head shortened": ("UPDATE orchestration.audit_heads SET length = 4 WHERE tenant_id = %s", 6),
    "head rewritten": (r"UPDATE orchestration.audit_heads SET hash = '\x00' WHERE tenant_id = %s", 5),
}


@pytest.mark.parametrize(("statement", "broken_at"), TAMPERINGS.values(), ids=TAMPERINGS)
async def test_superusers_tampering_is_found(
    database: Database, chain: UUID, superuser: Superuser, statement: str, broken_at: int
) -> None:
    superuser.execute(statement, [chain])
    state = await AuditRepository(database).verify(chain)
    assert (state.intact, state.broken_at) == (False, broken_at)


async def test_api_tells_where_a_chain_is_broken(
    service: Service, access: Access, chain: UUID, superuser: Superuser
) -> None:
    token = await issue(access, chain, Role.OPERATOR)
    superuser.execute(TAMPERINGS["removed"][0], [chain])
    answer = await service.call("GET", f"{AUDIT}/verify", token)
    assert answer.status_code == 200
    assert (answer.json()["intact"], answer.json()["broken_at"]) == (False, 2)


def test_command_line_exits_with_one_when_the_chain_is_broken(cli: Cli, superuser: Superuser) -> None:
    cli("tenants", "create", "acme")
    for name in ("a", "b", "c"):
        cli("keys", "create", "--tenant", "acme", "--role", "viewer", "--name", name)
    status, out, _ = cli("audit", "verify", "--tenant", "acme", "--json")
    assert status == 0
    assert (json.loads(out)["events"], json.loads(out)["intact"]) == (3, True)

    superuser.execute("UPDATE orchestration.audit_events SET subject = 'x' WHERE seq = 2")
    status, out, err = cli("audit", "verify", "--tenant", "acme", "--json")
    assert (status, err) == (1, "")
    assert (json.loads(out)["intact"], json.loads(out)["broken_at"]) == (False, 2)
    status, out, _ = cli("audit", "verify", "--tenant", "acme")
    assert status == 1
    assert "broken_at  2" in out
    status, _, _ = cli("audit", "verify", "--tenant", "operator")
    assert status == 0  # each tenant's chain is its own


def test_command_line_names_a_tenant_that_is_not_there(cli: Cli) -> None:
    status, _, err = cli("audit", "verify", "--tenant", str(uuid4()))
    assert status == 1
    assert "NOT_FOUND" in err


def test_creating_a_tenant_is_logged_in_the_operators_chain(cli: Cli, superuser: Superuser) -> None:
    cli("tenants", "create", "acme")
    rows = superuser.execute("SELECT tenant_id, actor, action FROM orchestration.audit_events").fetchall()
    assert rows == [(OPERATOR_TENANT_ID, "cli", "tenant.created")]
