"""Only a good token of the right issuer, for the right service, that nobody revoked, opens anything."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from tests.contracts.test_problem_answers import check_problem
from tests.contracts.world import EVERY_SCOPE, RunningService, World

DEAD_VALKEY = "redis://127.0.0.1:1"


async def signing(world: World) -> tuple[str, Ed25519PrivateKey]:
    """Return the current signing key, as only orchestration_svc has it."""
    await world.token()
    signing = world.access.key_ring._signing
    assert signing is not None
    return signing


def claims(service: str, **changes: object) -> dict[str, Any]:
    now = datetime.now(UTC)
    good = {
        "iss": "llama-mapper",
        "aud": [service],
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "jti": str(uuid4()),
        "tenant": str(uuid4()),
        "roles": ["viewer"],
        "scopes": sorted(EVERY_SCOPE),
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


NOW = datetime.now(UTC)
WRONG_CLAIMS: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": ...},
    "another audience": {"aud": ["billing_svc"]},
    "no audience": {"aud": ...},
    "expired": {"exp": NOW - timedelta(minutes=1)},
    "no expiry": {"exp": ...},
    "not yet valid": {"nbf": NOW + timedelta(hours=1)},
    "issued tomorrow": {"iat": NOW + timedelta(days=1)},
    "no id": {"jti": ...},
    "id that is no text": {"jti": 5},
    "no tenant": {"tenant": ...},
    "tenant that is no id": {"tenant": "' or 1=1 --"},
    "scopes that are no list": {"scopes": "map analyze orchestrate"},
    "roles that are no list": {"roles": {"admin": True}},
}


async def check_refused(service: RunningService, token: str) -> None:
    answer = await service.client.get(service.table.reading, headers={"Authorization": f"Bearer {token}"})
    check_problem(service, answer, 401, "UNAUTHORIZED")
    assert token not in answer.text


async def test_good_token_made_by_the_test_is_accepted(service: RunningService, world: World) -> None:
    kid, key = await signing(world)
    token = jwt.encode(claims(service.table.name), key, algorithm="EdDSA", headers={"kid": kid})
    answer = await service.client.get(service.table.reading, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, "else the refusals below would prove nothing"


@pytest.mark.parametrize("kind", list(WRONG_CLAIMS))
async def test_token_with_a_wrong_claim_is_refused(service: RunningService, world: World, kind: str) -> None:
    kid, key = await signing(world)
    wrong = claims(service.table.name, **WRONG_CLAIMS[kind])
    if kind == "id that is no text":
        token = jwt.api_jws.encode(_json(wrong), key, algorithm="EdDSA", headers={"kid": kid})
    else:
        token = jwt.encode(wrong, key, algorithm="EdDSA", headers={"kid": kid})
    await check_refused(service, token)


def _json(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload, default=lambda moment: int(moment.timestamp())).encode()


def _unsigned(body: dict[str, Any], kid: str, _: Ed25519PrivateKey) -> str:
    return jwt.encode(body, "", algorithm="none", headers={"kid": kid})


def _symmetric(body: dict[str, Any], kid: str, key: Ed25519PrivateKey) -> str:
    # The public key as a shared secret: what a verifier that trusts the header's alg falls for.
    return jwt.encode(body, key.public_key().public_bytes_raw(), algorithm="HS256", headers={"kid": kid})


def _rsa(body: dict[str, Any], kid: str, _: Ed25519PrivateKey) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(body, key, algorithm="RS256", headers={"kid": kid})


def _elliptic(body: dict[str, Any], kid: str, _: Ed25519PrivateKey) -> str:
    return jwt.encode(body, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers={"kid": kid})


def _other_key(body: dict[str, Any], kid: str, _: Ed25519PrivateKey) -> str:
    return jwt.encode(body, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": kid})


def _unknown_key(body: dict[str, Any], _: str, __: Ed25519PrivateKey) -> str:
    key = Ed25519PrivateKey.generate()
    return jwt.encode(body, key, algorithm="EdDSA", headers={"kid": "of-another-issuer"})


def _no_kid(body: dict[str, Any], _: str, key: Ed25519PrivateKey) -> str:
    return jwt.encode(body, key, algorithm="EdDSA")


def _brought_along(body: dict[str, Any], kid: str, _: Ed25519PrivateKey) -> str:
    key = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": key.public_key().public_bytes_raw().hex()}
    headers = {"kid": kid, "jwk": jwk, "jku": "https://evil.example/jwks.json"}
    return jwt.encode(body, key, algorithm="EdDSA", headers=headers)


def _tampered(body: dict[str, Any], kid: str, key: Ed25519PrivateKey) -> str:
    head, _, signature = jwt.encode(body, key, algorithm="EdDSA", headers={"kid": kid}).split(".")
    _, other, _ = jwt.encode(body | {"roles": ["admin"]}, key, algorithm="EdDSA").split(".")
    return f"{head}.{other}.{signature}"


FORGERIES: list[Callable[[dict[str, Any], str, Ed25519PrivateKey], str]] = [
    _unsigned, _symmetric, _rsa, _elliptic, _other_key, _unknown_key, _no_kid, _brought_along, _tampered
]  # fmt: skip


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
async def test_forged_token_is_refused(
    service: RunningService, world: World, forge: Callable[[dict[str, Any], str, Ed25519PrivateKey], str]
) -> None:
    kid, key = await signing(world)
    await check_refused(service, forge(claims(service.table.name), kid, key))


async def test_token_for_one_service_opens_no_other(service: RunningService, world: World) -> None:
    others = tuple(name for name in world.running if name != service.table.name)
    await check_refused(service, await world.token(audiences=others))


async def issue_key(world: World, tenant_id: UUID) -> tuple[str, str]:
    """Let a tenant's admin issue a key through the API; return its id and token."""
    headers = await world.headers(tenant_id=tenant_id, roles=frozenset({"admin"}))
    answer = await world.running["orchestration_svc"].client.post(
        "/api/v1/keys", json={"name": "ci", "roles": ["analyst"]}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["key"]["key_id"], answer.json()["token"]


async def revoke(world: World, tenant_id: UUID, key_id: str) -> None:
    headers = await world.headers(tenant_id=tenant_id)
    answer = await world.running["orchestration_svc"].client.delete(f"/api/v1/keys/{key_id}", headers=headers)
    assert answer.status_code == 204, answer.text


async def make_tenant(world: World) -> UUID:
    answer = await world.running["orchestration_svc"].client.post(
        "/api/v1/tenants", json={"name": f"t{uuid4().hex[:20]}"}, headers=await world.headers()
    )
    return UUID(answer.json()["tenant_id"])


async def test_revoked_key_is_refused_by_every_service_at_once(world: World) -> None:
    tenant_id = await make_tenant(world)
    key_id, token = await issue_key(world, tenant_id)
    headers = {"Authorization": f"Bearer {token}"}
    for running in world.running.values():
        assert (await running.client.get(running.table.reading, headers=headers)).status_code == 200
    await revoke(world, tenant_id, key_id)
    for running in world.running.values():
        await check_refused(running, token)


async def test_revoked_key_is_refused_without_valkey_too(service: RunningService, world: World) -> None:
    tenant_id = await make_tenant(world)
    key_id, token = await issue_key(world, tenant_id)
    async with world.another(service.table, redis_url=DEAD_VALKEY) as cut_off:
        await revoke(world, tenant_id, key_id)
        deadline = time.monotonic() + 4  # the list is asked for every two seconds, not for each call
        headers = {"Authorization": f"Bearer {token}"}
        while (await cut_off.client.get(service.table.reading, headers=headers)).status_code == 200:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        await check_refused(cut_off, token)


async def test_valkey_that_lost_its_data_forgives_nobody(service: RunningService, world: World) -> None:
    import redis.asyncio  # noqa: PLC0415 - only here

    tenant_id = await make_tenant(world)
    key_id, token = await issue_key(world, tenant_id)
    await revoke(world, tenant_id, key_id)
    async with redis.asyncio.Redis.from_url(world.valkey_urls["orchestration"]) as cache:
        await cache.delete("llama-mapper:revoked")
    async with world.another(service.table) as fresh:
        await check_refused(fresh, token)
    await world.access.revocations.publish()


async def test_rotated_key_works_on_for_its_overlap_only(world: World) -> None:
    tenant_id = await make_tenant(world)
    key_id, token = await issue_key(world, tenant_id)
    orchestration = world.running["orchestration_svc"]
    headers = await world.headers(tenant_id=tenant_id)
    rotated = await orchestration.client.post(
        f"/api/v1/keys/{key_id}/rotate", json={"overlap_s": 0}, headers=headers
    )
    assert rotated.status_code == 201
    await check_refused(orchestration, token)
    fresh = {"Authorization": f"Bearer {rotated.json()['token']}"}
    assert (await orchestration.client.get("/api/v1/detectors", headers=fresh)).status_code == 200
    again = await orchestration.client.post(f"/api/v1/keys/{key_id}/rotate", json={}, headers=headers)
    check_problem(orchestration, again, 409, "CONFLICT")


async def same_problem(
    service: RunningService, world: World, method: str, path: str, real: str, body: object = None
) -> None:
    """Check that a stranger cannot tell another tenant's id from a made-up one."""
    headers = await world.headers(tenant_id=uuid4(), roles=frozenset({"admin"}))
    problems = []
    for id_ in (real, str(uuid4())):
        answer = await service.client.request(method, path.format(id_), json=body, headers=headers)
        problem = check_problem(service, answer, 404, "NOT_FOUND")
        problems.append({**problem, "correlation_id": None})
    assert problems[0] == problems[1]


async def test_foreign_key_looks_like_one_that_never_was(world: World) -> None:
    tenant_id = await make_tenant(world)
    key_id, token = await issue_key(world, tenant_id)
    orchestration = world.running["orchestration_svc"]
    await same_problem(orchestration, world, "DELETE", "/api/v1/keys/{}", key_id)
    await same_problem(orchestration, world, "POST", "/api/v1/keys/{}/rotate", key_id, {})
    answer = await orchestration.client.get("/api/v1/detectors", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, "the foreign attempts revoked nothing"


async def test_foreign_evidence_looks_like_one_that_never_was(world: World) -> None:
    analysis = world.running["analysis_svc"]
    owner = await world.headers(tenant_id=uuid4())
    kept = await analysis.client.post("/api/v1/analyze", json=dict(analysis.table.body), headers=owner)
    evidence_id = kept.json()["evidence_id"]
    assert (await analysis.client.get(f"/api/v1/evidence/{evidence_id}", headers=owner)).status_code == 200
    await same_problem(analysis, world, "GET", "/api/v1/evidence/{}", evidence_id)
    stranger = await world.headers(tenant_id=uuid4())
    pages = [
        await analysis.client.get(f"/api/v1/evidence?cursor={cursor}", headers=stranger)
        for cursor in (evidence_id, uuid4())
    ]
    assert [page.json() for page in pages] == [{"items": [], "next_cursor": None}] * 2


async def test_admin_of_a_tenant_can_make_nobody_a_platform_admin(world: World) -> None:
    orchestration = world.running["orchestration_svc"]
    tenant_id = await make_tenant(world)
    refusals = ((tenant_id, 400, "INVALID_REQUEST"), (OPERATOR_TENANT_ID, 403, "INSUFFICIENT_RBAC"))
    for tenant, status, code in refusals:
        headers = await world.headers(tenant_id=tenant, roles=frozenset({"admin"}))
        answer = await orchestration.client.post(
            "/api/v1/keys", json={"name": "x", "roles": ["platform_admin"]}, headers=headers
        )
        check_problem(orchestration, answer, status, code)
