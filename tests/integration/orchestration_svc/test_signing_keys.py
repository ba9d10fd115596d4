"""The keys that sign tokens: sealed at rest, made once, rotated with overlap."""

import asyncio
import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.signing_keys import KeyRing, SigningKeysUnavailableError
from orchestration_svc.adapters.tables import signing_keys as signing_keys_table
from orchestration_svc.domain.access import Role
from orchestration_svc.settings import Settings
from tests.fixtures.databases import KEY_ENCRYPTION_KEY
from tests.integration.orchestration_svc.conftest import Service, issue, running

WRONG_KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
TENANT = UUID("11111111-1111-4111-8111-111111111111")


def ring(database: Database, key: str = KEY_ENCRYPTION_KEY) -> KeyRing:
    """A process of its own, as it were."""
    return KeyRing(database, key_encryption_key=key, issuer="llama-mapper")


async def sign(keys: KeyRing) -> str:
    return await keys.sign(
        token_id="t",
        tenant_id=TENANT,
        roles=frozenset({"viewer"}),
        scopes=frozenset({"map"}),
        audiences=["mapper_svc"],
        expires_at=datetime.now(UTC) + timedelta(minutes=1),
    )


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def kids(keys: KeyRing) -> set[str]:
    return {key["kid"] for key in (await keys.jwks())["keys"]}


async def test_private_key_is_in_the_table_only_as_sealed_bytes(
    database: Database, superuser: psycopg.Connection[Any]
) -> None:
    kid = kid_of(await sign(ring(database)))
    row = superuser.execute("SELECT kid, public_key, private_key_encrypted FROM orchestration.signing_keys")
    ((stored, public, sealed),) = row.fetchall()
    cipher = AESGCM(base64.urlsafe_b64decode(KEY_ENCRYPTION_KEY))
    private = cipher.decrypt(sealed[:12], sealed[12:], kid.encode())
    assert stored == kid
    assert len(private) == len(public) == 32
    dump = superuser.execute("SELECT t::text FROM orchestration.signing_keys t").fetchall()
    assert private.hex() not in repr(dump)
    assert private not in sealed


async def test_sealed_key_under_another_kid_does_not_open(
    database: Database, superuser: psycopg.Connection[Any]
) -> None:
    await sign(ring(database))
    superuser.execute("UPDATE orchestration.signing_keys SET kid = 'moved'")
    with pytest.raises(SigningKeysUnavailableError):
        await sign(ring(database))


async def test_wrong_key_encryption_key_signs_nothing_says_why_and_spoils_nothing(
    database: Database, superuser: psycopg.Connection[Any]
) -> None:
    token = await sign(ring(database))
    wrong = ring(database, WRONG_KEY)
    for attempt in (sign(wrong), sign(wrong), wrong.rotate(overlap=timedelta(0))):
        with pytest.raises(SigningKeysUnavailableError, match="ORCHESTRATION_KEY_ENCRYPTION_KEY") as caught:
            await attempt
        assert WRONG_KEY not in str(caught.value)
    assert superuser.execute("SELECT count(*) FROM orchestration.signing_keys").fetchone() == (1,)
    key = await wrong.get(kid_of(token))  # a public key needs no secret
    assert key is not None
    assert jwt.decode(token, key, algorithms=["EdDSA"], audience="mapper_svc")["tenant"] == str(TENANT)


async def test_service_with_the_wrong_key_encryption_key_checks_tokens_but_issues_none(
    settings: Settings, admin: str
) -> None:
    told = msgspec.structs.replace(settings, key_encryption_key=WRONG_KEY)
    async with running(told) as service:
        for _ in range(2):
            assert (await service.call("GET", "/api/v1/keys", admin)).status_code == 200
        answer = await service.call("POST", "/api/v1/keys", admin, json={"name": "a", "roles": ["viewer"]})
        assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
        assert "KEY_ENCRYPTION_KEY" in answer.json()["detail"]
        assert len((await service.call("GET", "/api/v1/keys", admin)).json()["keys"]) == 1
        ready = await service.call("GET", "/health/ready")
        assert (ready.status_code, ready.json()["dependencies"]["signing_key"]["status"]) == (503, "down")


async def test_processes_that_make_the_first_key_at_once_agree_on_one(
    settings: Settings, superuser: psycopg.Connection[Any]
) -> None:
    databases = [Database(settings.database_url, pool_size=1, statement_timeout_ms=5_000) for _ in range(4)]
    try:
        tokens = await asyncio.gather(*(sign(ring(database)) for database in databases))
    finally:
        await asyncio.gather(*(database.close() for database in databases))
    assert superuser.execute("SELECT count(*) FROM orchestration.signing_keys").fetchone() == (1,)
    assert len({kid_of(token) for token in tokens}) == 1


async def test_rotation_signs_with_the_new_key_and_verifies_the_old_ones_for_the_overlap(
    database: Database, superuser: psycopg.Connection[Any]
) -> None:
    keys = ring(database)
    old = kid_of(await sign(keys))
    new = await keys.rotate(overlap=timedelta(hours=1))
    assert kid_of(await sign(keys)) == new != old
    assert await kids(keys) == {old, new}
    assert await kids(ring(database)) == {old, new}
    superuser.execute("UPDATE orchestration.signing_keys SET retires_at = now() WHERE kid = %s", [old])
    later = ring(database)
    assert await kids(later) == {new}
    assert await later.get(old) is None


async def test_rotation_without_overlap_ends_every_old_token(
    service: Service, access: Access, tenant: UUID
) -> None:
    token = await issue(access, tenant, Role.VIEWER)
    await access.key_ring.rotate(overlap=timedelta(0))
    assert (await service.call("GET", "/api/v1/detectors", token)).status_code == 401
    fresh = await issue(access, tenant, Role.VIEWER)
    assert kid_of(fresh) != kid_of(token)


async def test_tokens_of_both_keys_pass_during_the_overlap(
    service: Service, access: Access, tenant: UUID
) -> None:
    old = await issue(access, tenant, Role.VIEWER)
    await access.key_ring.rotate(overlap=timedelta(hours=1))
    new = await issue(access, tenant, Role.VIEWER)
    assert kid_of(old) != kid_of(new)
    for token in (old, new):
        assert (await service.call("GET", "/api/v1/detectors", token)).status_code == 200
    published = (await service.call("GET", "/.well-known/jwks.json")).json()["keys"]
    assert {key["kid"] for key in published} == {kid_of(old), kid_of(new)}
    assert all(set(key) == {"kty", "crv", "use", "alg", "kid", "x"} for key in published)


async def test_rotating_before_there_is_a_key_makes_the_first(database: Database) -> None:
    keys = ring(database)
    assert kid_of(await sign(keys)) == (await kids(keys)).pop()
    fresh = ring(database)
    new = await fresh.rotate(overlap=timedelta(days=1))
    assert kid_of(await sign(fresh)) == new


async def test_cached_keys_serve_on_while_postgres_is_away(database: Database, settings: Settings) -> None:
    gone = Database(
        settings.database_url.replace("127.0.0.1", "127.0.0.2"), pool_size=1, statement_timeout_ms=500
    )
    keys = ring(database)
    kid = kid_of(await sign(keys))
    keys._database = gone
    keys._loaded_at = keys._asked_at = -1e9
    assert kid_of(await sign(keys)) == kid
    assert await keys.get(kid) is not None
    fresh = ring(gone)
    for attempt in (sign(fresh), fresh.get(kid), fresh.jwks(), fresh.rotate(overlap=timedelta(0))):
        with pytest.raises(SigningKeysUnavailableError):
            await attempt
    await gone.close()


def test_the_table_has_no_column_for_a_private_key_in_clear() -> None:
    assert {column.name for column in signing_keys_table.columns} == {
        "kid",
        "public_key",
        "private_key_encrypted",
        "created_at",
        "retires_at",
    }
