"""What is kept of API keys, in Postgres."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import api_keys, revoked_tokens
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.keys import ApiKey


class KeyRepository:
    """Keeps key metadata; every change and its audit event are one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, *, actor: str) -> None:
        """Insert the key's metadata."""
        async with self._database.tenant(key.tenant_id) as connection:
            await _insert(connection, key, actor=actor)

    async def replace(self, old_key_id: UUID, new: ApiKey, *, revoked_at: datetime, actor: str) -> None:
        """Insert ``new`` and revoke the old key from ``revoked_at`` on, both or neither."""
        async with self._database.tenant(new.tenant_id) as connection:
            old = await _locked(connection, old_key_id)
            if old.revoked_at is not None:
                raise ServiceError(ErrorCode.CONFLICT, "this key was revoked or rotated already")
            await _insert(connection, new, actor=actor)
            await _revoke(connection, old, at=revoked_at, actor=actor, action="key.rotated")

    async def get(self, tenant_id: UUID, key_id: UUID) -> ApiKey:
        """Return the key, or raise ServiceError NOT_FOUND."""
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(select(api_keys).where(api_keys.c.id == key_id))).one_or_none()
        if row is None:
            raise _no_such_key()
        return _key(row)

    async def list(self, tenant_id: UUID) -> list[ApiKey]:
        """Return the tenant's keys, newest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(select(api_keys).order_by(api_keys.c.created_at.desc()))
            return [_key(row) for row in rows]

    async def revoke(self, tenant_id: UUID, key_id: UUID, *, at: datetime, actor: str, action: str) -> None:
        """Revoke from ``at`` on; an earlier revocation stands."""
        async with self._database.tenant(tenant_id) as connection:
            row = await _locked(connection, key_id)
            if row.revoked_at is None or row.revoked_at > at:
                await _revoke(connection, row, at=at, actor=actor, action=action)


async def _insert(connection: AsyncConnection, key: ApiKey, *, actor: str) -> None:
    await connection.execute(
        insert(api_keys).values(
            tenant_id=key.tenant_id,
            id=key.key_id,
            name=key.name,
            roles=sorted(role.value for role in key.roles),
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )
    await append_event(
        connection,
        tenant_id=key.tenant_id,
        actor=actor,
        action="key.issued",
        subject=str(key.key_id),
        detail={"name": key.name, "roles": sorted(role.value for role in key.roles)},
    )


async def _locked(connection: AsyncConnection, key_id: UUID) -> Row[tuple[object, ...]]:
    query = select(api_keys).where(api_keys.c.id == key_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise _no_such_key()
    return row


async def _revoke(
    connection: AsyncConnection, row: Row[tuple[object, ...]], *, at: datetime, actor: str, action: str
) -> None:
    await connection.execute(update(api_keys).where(api_keys.c.id == row.id).values(revoked_at=at))
    revocation = upsert(revoked_tokens).values(token_id=str(row.id), revoked_at=at, expires_at=row.expires_at)
    await connection.execute(
        revocation.on_conflict_do_update(
            index_elements=["token_id"], set_={"revoked_at": revocation.excluded.revoked_at}
        )
    )
    await append_event(
        connection,
        tenant_id=row.tenant_id,
        actor=actor,
        action=action,
        subject=str(row.id),
        detail={"from": at.isoformat()},
    )


def _no_such_key() -> ServiceError:
    return ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such key", field="key_id")


def _key(row: Row[tuple[object, ...]]) -> ApiKey:
    return ApiKey(
        tenant_id=row.tenant_id,
        key_id=row.id,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles),
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
