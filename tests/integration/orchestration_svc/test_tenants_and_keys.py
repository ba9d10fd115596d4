"""Tenants and keys from birth to revocation, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from orchestration_svc.adapters.access import Access
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, SCOPES_OF, Role
from tests.integration.orchestration_svc.conftest import Service, issue

KEYS = "/api/v1/keys"
TENANTS = "/api/v1/tenants"


def fields(problem: dict[str, Any]) -> list[str]:
    return [fault["field"] for fault in problem["errors"]]


async def test_a_tenant_lives_from_creation_to_the_end_of_its_key(service: Service, platform: str) -> None:
    made = await service.call("POST", TENANTS, platform, json={"name": "acme"})
    assert made.status_code == 201
    tenant_id = made.json()["tenant_id"]
    listed = await service.call("GET", TENANTS, platform)
    assert [one["name"] for one in listed.json()["tenants"]] == ["acme", "operator"]

    first = await service.call(
        "POST", f"{TENANTS}/{tenant_id}/keys", platform, json={"name": "first", "roles": ["admin"]}
    )
    assert first.status_code == 201
    admin = first.json()["token"]
    made = await service.call(
        "POST", KEYS, admin, json={"name": "ci", "roles": ["analyst"], "scopes": ["orchestrate"]}
    )
    assert made.status_code == 201
    key = made.json()["key"]
    assert (key["name"], key["roles"], key["scopes"]) == ("ci", ["analyst"], ["orchestrate"])
    assert key["revoked_at"] is None

    used = await service.call("POST", "/api/v1/orchestrate", made.json()["token"], json={"content": "x"})
    assert used.status_code == 200
    assert service.mapper.asked[0][1] == UUID(tenant_id)
    refused = await service.call("GET", "/api/v1/detectors", made.json()["token"])
    assert (refused.status_code, refused.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")

    listed = await service.call("GET", KEYS, admin)
    assert [one["name"] for one in listed.json()["keys"]] == ["ci", "first"]
    assert "token" not in listed.text

    gone = await service.call("DELETE", f"{KEYS}/{key['key_id']}", admin)
    assert gone.status_code == 204
    refused = await service.call("POST", "/api/v1/orchestrate", made.json()["token"], json={"content": "x"})
    assert (refused.status_code, refused.json()["error_code"]) == (401, "UNAUTHORIZED")
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_token_shows_up_in_no_table(
    service: Service, admin: str, superuser: psycopg.Connection[Any]
) -> None:
    made = await service.call("POST", KEYS, admin, json={"name": "ci", "roles": ["viewer"]})
    signature = made.json()["token"].rpartition(".")[2]
    tables = superuser.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'orchestration'"
    ).fetchall()
    for (table,) in tables:
        rows = superuser.execute(f"SELECT t::text FROM orchestration.{table} t").fetchall()  # noqa: S608
        assert signature not in repr(rows)


async def test_name_in_use_is_a_conflict_and_leaves_no_trace(
    service: Service, platform: str, superuser: psycopg.Connection[Any]
) -> None:
    await service.call("POST", TENANTS, platform, json={"name": "acme"})
    again = await service.call("POST", TENANTS, platform, json={"name": "acme"})
    assert (again.status_code, again.json()["error_code"], fields(again.json())) == (
        409,
        "CONFLICT",
        ["name"],
    )
    (count,) = superuser.execute(
        "SELECT count(*) FROM orchestration.audit_events WHERE action = 'tenant.created'"
    ).fetchone() or (None,)
    assert count == 1


WRONG_BODIES: list[tuple[str, dict[str, Any], str]] = [
    (TENANTS, {"name": "Acme"}, "name"),
    (TENANTS, {"name": "a\n"}, "name"),
    (TENANTS, {"name": "x" * 64}, "name"),
    (TENANTS, {}, "name"),
    (TENANTS, {"name": "ok", "plan": "gold"}, "plan"),
    (KEYS, {"name": "", "roles": ["viewer"]}, "name"),
    (KEYS, {"name": "a\u0000b", "roles": ["viewer"]}, "name"),
    (KEYS, {"name": "a", "roles": []}, "roles"),
    (KEYS, {"name": "a", "roles": ["king"]}, "roles[0]"),
    (KEYS, {"name": "a", "roles": ["viewer"], "scopes": ["map"]}, "scopes"),
    (KEYS, {"name": "a", "roles": ["viewer"], "lifetime_s": 59}, "lifetime_s"),
    (KEYS, {"name": "a", "roles": ["viewer"], "lifetime_s": "90"}, "lifetime_s"),
    (KEYS, {"name": "a", "roles": ["viewer"], "lifetime_s": 366 * 86_400 + 1}, "lifetime_s"),
    (KEYS, {"name": "a", "roles": ["viewer"], "tenant_id": str(uuid4())}, "tenant_id"),
]


async def test_wrong_field_is_named(service: Service, platform: str) -> None:
    for path, body, field in WRONG_BODIES:
        answer = await service.call("POST", path, platform, json=body)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST"), body
        assert fields(answer.json()) == [field]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.OPERATOR, Role.ADMIN])
async def test_acts_of_the_platform_are_for_the_platform_only(
    service: Service, access: Access, tenant: UUID, role: Role
) -> None:
    token = await issue(access, tenant, role)
    for method, path in (
        ("GET", TENANTS),
        ("POST", TENANTS),
        ("POST", f"{TENANTS}/{OPERATOR_TENANT_ID}/keys"),
    ):
        body = {"name": "mine", "roles": ["platform_admin"]} if "keys" in path else {"name": "mine"}
        answer = await service.call(method, path, token, **({"json": body} if method == "POST" else {}))
        assert (answer.status_code, answer.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")


async def test_platform_admin_exists_in_the_operator_tenant_only(
    service: Service, platform: str, tenant: UUID
) -> None:
    body = {"name": "too much", "roles": ["platform_admin"]}
    answer = await service.call("POST", f"{TENANTS}/{tenant}/keys", platform, json=body)
    assert (answer.status_code, fields(answer.json())) == (400, ["roles"])
    answer = await service.call("POST", f"{TENANTS}/{OPERATOR_TENANT_ID}/keys", platform, json=body)
    assert answer.status_code == 201


async def test_admin_of_the_operator_tenant_cannot_become_platform_admin(
    service: Service, access: Access, platform: str
) -> None:
    admin = await issue(access, OPERATOR_TENANT_ID, Role.ADMIN)
    answer = await service.call("POST", KEYS, admin, json={"name": "up", "roles": ["platform_admin"]})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    listed = (await service.call("GET", KEYS, admin)).json()["keys"]
    (target,) = [one["key_id"] for one in listed if one["roles"] == ["platform_admin"]]
    answer = await service.call("POST", f"{KEYS}/{target}/rotate", admin, json={})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    assert (await service.call("GET", TENANTS, platform)).status_code == 200


async def test_narrow_key_cannot_widen_itself(service: Service, access: Access, tenant: UUID) -> None:
    narrow = await issue(access, tenant, Role.ADMIN, scopes=frozenset({"keys:manage"}))
    answer = await service.call("POST", KEYS, narrow, json={"name": "wide", "roles": ["admin"]})
    assert (answer.status_code, answer.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    body = {"name": "equal", "roles": ["admin"], "scopes": ["keys:manage"]}
    assert (await service.call("POST", KEYS, narrow, json=body)).status_code == 201


async def test_foreign_tenants_keys_cannot_be_seen_rotated_or_revoked(
    service: Service, access: Access, admin: str
) -> None:
    other = (await access.tenants.create("other", actor="test")).tenant_id
    theirs = await issue(access, other, Role.ADMIN)
    (key,) = await access.keys.list(other)
    assert str(key.key_id) not in (await service.call("GET", KEYS, admin)).text
    for answer in (
        await service.call("DELETE", f"{KEYS}/{key.key_id}", admin),
        await service.call("POST", f"{KEYS}/{key.key_id}/rotate", admin, json={}),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
    assert (await service.call("GET", KEYS, theirs)).status_code == 200


async def test_key_for_a_tenant_that_is_not_there_is_not_found(service: Service, platform: str) -> None:
    answer = await service.call(
        "POST", f"{TENANTS}/{uuid4()}/keys", platform, json={"name": "a", "roles": ["viewer"]}
    )
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
    answer = await service.call("DELETE", f"{KEYS}/not-a-uuid", platform)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


async def test_rotation_overlaps_and_then_ends(
    service: Service, admin: str, access: Access, tenant: UUID, superuser: psycopg.Connection[Any]
) -> None:
    made = (await service.call("POST", KEYS, admin, json={"name": "ci", "roles": ["analyst"]})).json()
    path = f"{KEYS}/{made['key']['key_id']}/rotate"
    rotated = await service.call("POST", path, admin, json={"overlap_s": 3600})
    assert rotated.status_code == 201
    new = rotated.json()
    assert (new["key"]["name"], new["key"]["scopes"]) == ("ci", sorted(SCOPES_OF[Role.ANALYST]))
    for token in (made["token"], new["token"]):
        assert (await service.call("GET", "/api/v1/detectors", token)).status_code == 200
    again = await service.call("POST", path, admin, json={})
    assert (again.status_code, again.json()["error_code"]) == (409, "CONFLICT")

    (old,) = [one for one in await access.keys.list(tenant) if str(one.key_id) == made["key"]["key_id"]]
    assert old.revoked_at is not None
    assert timedelta(minutes=59) < old.revoked_at - datetime.now(UTC) < timedelta(minutes=61)
    superuser.execute("UPDATE orchestration.revoked_tokens SET revoked_at = now() - interval '1 second'")
    await access.revocations.publish()  # what every process does each ten seconds
    assert (await service.call("GET", "/api/v1/detectors", made["token"])).status_code == 401
    assert (await service.call("GET", "/api/v1/detectors", new["token"])).status_code == 200


async def test_of_several_rotations_at_once_one_makes_a_successor(
    service: Service, admin: str, access: Access, tenant: UUID
) -> None:
    made = (await service.call("POST", KEYS, admin, json={"name": "ci", "roles": ["viewer"]})).json()
    path = f"{KEYS}/{made['key']['key_id']}/rotate"
    answers = await asyncio.gather(*(service.call("POST", path, admin, json={}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert len([one for one in await access.keys.list(tenant) if one.name == "ci"]) == 2


async def test_rotation_without_overlap_ends_the_old_key_at_once(service: Service, admin: str) -> None:
    made = (await service.call("POST", KEYS, admin, json={"name": "ci", "roles": ["viewer"]})).json()
    await service.call("POST", f"{KEYS}/{made['key']['key_id']}/rotate", admin, json={"overlap_s": 0})
    assert (await service.call("GET", "/api/v1/detectors", made["token"])).status_code == 401


async def test_admin_may_revoke_the_very_key_it_calls_with(
    service: Service, admin: str, access: Access, tenant: UUID
) -> None:
    (key,) = await access.keys.list(tenant)
    assert (await service.call("DELETE", f"{KEYS}/{key.key_id}", admin)).status_code == 204
    assert (await service.call("GET", KEYS, admin)).status_code == 401


async def test_revoking_twice_is_no_error_and_one_event(service: Service, admin: str) -> None:
    made = (await service.call("POST", KEYS, admin, json={"name": "ci", "roles": ["viewer"]})).json()
    path = f"{KEYS}/{made['key']['key_id']}"
    assert [(await service.call("DELETE", path, admin)).status_code for _ in range(2)] == [204, 204]
    events = (await service.call("GET", "/api/v1/audit", admin)).json()["events"]
    assert [event["action"] for event in events].count("key.revoked") == 1


async def test_token_of_another_installation_is_refused(service: Service, admin: str) -> None:
    header, body, _ = admin.split(".")
    other = admin.rpartition(".")[2][::-1]
    for forged in (f"{header}.{body}.{other}", f"{header}.{body}.", "x.y.z"):
        answer = await service.call("GET", KEYS, forged)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHORIZED")


async def test_before_the_first_key_is_made_a_token_is_refused_and_the_key_set_is_empty(
    service: Service, superuser: psycopg.Connection[Any]
) -> None:
    assert superuser.execute("SELECT count(*) FROM orchestration.signing_keys").fetchone() == (0,)
    made_up = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.e30.AA"
    assert (await service.call("GET", KEYS, made_up)).status_code == 401
    assert (await service.call("GET", "/.well-known/jwks.json")).json() == {"keys": []}
