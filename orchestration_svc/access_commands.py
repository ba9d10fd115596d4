"""Commands for tenants, keys, signing keys and the audit log. They act as the operator of the machine."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import click

from orchestration_svc.adapters.access import Access, make_access
from orchestration_svc.adapters.audit_repository import AuditRepository
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.domain.access import Role, grantable_scopes
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.keys import AUDIENCES, MACHINE, ApiKey
from orchestration_svc.settings import read_settings

_TENANT = click.option("--tenant", required=True, metavar="NAME", help="whose")
_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
_ROLES = click.option(
    "--role",
    "roles",
    required=True,
    multiple=True,
    type=click.Choice([role.value for role in Role]),
    help="may be given several times",
)


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Access, Database]]:
    settings = read_settings(os.environ)
    database = Database(settings.database_url, pool_size=1, statement_timeout_ms=10_000)
    valkey = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    try:
        yield (
            make_access(
                database, valkey, key_encryption_key=settings.key_encryption_key, issuer=settings.issuer
            ),
            database,
        )
    finally:
        await valkey.aclose()
        await database.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def _show(value: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(value))
        return
    width = max(map(len, value))
    for name, shown in value.items():
        text = ", ".join(map(str, shown)) if isinstance(shown, list) else str(shown)
        click.echo(f"{name:<{width}}  {text}")


def _key(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": str(key.key_id),
        "name": key.name,
        "roles": sorted(role.value for role in key.roles),
        "expires_at": key.expires_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }


@click.group()
def tenants() -> None:
    """Create and list tenants."""


@tenants.command("create")
@click.argument("name")
@click.option("--if-missing", is_flag=True, help="answer the one that exists instead of failing")
@_JSON
def create_tenant(name: str, *, if_missing: bool, as_json: bool) -> None:
    """Create the tenant NAME."""

    async def work() -> None:
        async with _open() as (access, _):
            created = True
            try:
                tenant = await access.tenants.create(name, actor=MACHINE)
            except ServiceError as error:
                if error.code is not ErrorCode.CONFLICT or not if_missing:
                    raise
                tenant, created = await access.tenants.by_name(name), False
            _show(
                {"tenant_id": str(tenant.tenant_id), "name": tenant.name, "created": created}, as_json=as_json
            )

    _run(work())


@tenants.command("list")
@_JSON
def list_tenants(*, as_json: bool) -> None:
    """List all tenants."""

    async def work() -> None:
        async with _open() as (access, _):
            for tenant in await access.tenants.list():
                _show({"tenant_id": str(tenant.tenant_id), "name": tenant.name}, as_json=as_json)

    _run(work())


@click.group()
def keys() -> None:
    """Issue, list, rotate and revoke API keys."""


@keys.command("create")
@_TENANT
@_ROLES
@click.option("--name", required=True, help="what people call it")
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="until it expires")
@_JSON
def create_key(tenant: str, roles: tuple[str, ...], name: str, days: int, *, as_json: bool) -> None:
    """Issue a key and print its token, this once."""

    async def work() -> None:
        async with _open() as (access, _):
            issued = await access.keys.issue(
                tenant_id=(await access.tenants.by_name(tenant)).tenant_id,
                granter=None,
                name=name,
                roles=frozenset(map(Role, roles)),
                scopes=None,
                lifetime=timedelta(days=days),
            )
            _show({**_key(issued.key), "token": issued.token}, as_json=as_json)

    _run(work())


@keys.command("mint")
@_TENANT
@_ROLES
@click.option("--ttl", default=300, show_default=True, type=click.IntRange(1, 3600), help="seconds it lives")
def mint(tenant: str, roles: tuple[str, ...], ttl: int) -> None:
    """Print a short-lived token and nothing else; it is listed nowhere and simply expires."""

    async def work() -> None:
        async with _open() as (access, _):
            tenant_id = (await access.tenants.by_name(tenant)).tenant_id
            token = await access.key_ring.sign(
                token_id=str(uuid4()),
                tenant_id=tenant_id,
                roles=frozenset(roles),
                scopes=grantable_scopes(tenant_id, frozenset(map(Role, roles)), None),
                audiences=AUDIENCES,
                expires_at=datetime.now(UTC) + timedelta(seconds=ttl),
            )
            click.echo(token)

    _run(work())


@keys.command("list")
@_TENANT
@_JSON
def list_keys(tenant: str, *, as_json: bool) -> None:
    """List what is known of a tenant's keys."""

    async def work() -> None:
        async with _open() as (access, _):
            for key in await access.keys.list((await access.tenants.by_name(tenant)).tenant_id):
                _show(_key(key), as_json=as_json)

    _run(work())


@keys.command("revoke")
@_TENANT
@click.argument("key_id", type=click.UUID)
def revoke(tenant: str, key_id: UUID) -> None:
    """Revoke the key KEY_ID at once."""

    async def work() -> None:
        async with _open() as (access, _):
            tenant_id = (await access.tenants.by_name(tenant)).tenant_id
            await access.keys.revoke(tenant_id=tenant_id, actor=MACHINE, key_id=key_id)
            click.echo(f"{key_id} is revoked")

    _run(work())


@keys.command("rotate")
@_TENANT
@click.argument("key_id", type=click.UUID)
@click.option("--overlap", default=86_400, show_default=True, help="seconds the old key works on")
@_JSON
def rotate(tenant: str, key_id: UUID, overlap: int, *, as_json: bool) -> None:
    """Replace the key KEY_ID by a new one with the same rights."""

    async def work() -> None:
        async with _open() as (access, _):
            issued = await access.keys.rotate(
                tenant_id=(await access.tenants.by_name(tenant)).tenant_id,
                granter=None,
                key_id=key_id,
                overlap=timedelta(seconds=overlap),
            )
            _show({**_key(issued.key), "token": issued.token}, as_json=as_json)

    _run(work())


@click.group("signing-keys")
def signing_keys() -> None:
    """The keys that sign tokens."""


@signing_keys.command("rotate")
@click.option(
    "--overlap-days",
    default=366,
    show_default=True,
    type=click.IntRange(0, 366),
    help="how long the old key verifies; shorter ends the API keys that it signed, 0 after a leak",
)
def rotate_signing_key(overlap_days: int) -> None:
    """Sign with a new key from now on; tokens of the old one are good for the overlap."""

    async def work() -> None:
        async with _open() as (access, _):
            kid = await access.key_ring.rotate(overlap=timedelta(days=overlap_days))
            click.echo(f"signing with {kid}; older keys verify for {overlap_days} more days")

    _run(work())


@click.group()
def audit() -> None:
    """The hash-chained audit log."""


@audit.command("verify")
@_TENANT
@_JSON
def verify(tenant: str, *, as_json: bool) -> None:
    """Recompute a tenant's chain; exits with 1 when it does not hold."""

    async def work() -> None:
        async with _open() as (access, database):
            tenant_id = (await access.tenants.by_name(tenant)).tenant_id
            state = await AuditRepository(database).verify(tenant_id)
            _show(
                {
                    "events": state.events,
                    "intact": state.intact,
                    "broken_at": state.broken_at,
                    "head": state.head,
                },
                as_json=as_json,
            )
            if not state.intact:
                raise SystemExit(1)

    _run(work())
