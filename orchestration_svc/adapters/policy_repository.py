"""Policies of tenants in Postgres: every version a row, every activation a row, none ever changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from uuid import UUID

from sqlalchemy import Row, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import policy_activations, policy_bundles
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.policy_bundle import PolicyBundle
from orchestration_svc.domain.policy_changes import VERSIONS_MAX, PolicyState, StoredPolicy

_SHOWN = 200
_HELD = (
    select(policy_activations)
    .distinct(policy_activations.c.name)
    .order_by(policy_activations.c.name, policy_activations.c.seq.desc())
)


class PolicyRepository:
    """Implements `PolicyStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, bundle: PolicyBundle, *, actor: str) -> StoredPolicy:
        """Add the next version and its audit event, both or neither; CONFLICT when there are too many."""
        newest = select(func.coalesce(func.max(policy_bundles.c.version), 0)).where(
            policy_bundles.c.name == bundle.name
        )
        try:
            async with self._database.tenant(bundle.tenant_id) as connection:
                version = (await connection.execute(newest)).scalar_one() + 1
                if version > VERSIONS_MAX:
                    raise ServiceError(
                        ErrorCode.CONFLICT, f"a policy has at most {VERSIONS_MAX} versions", field="name"
                    )
                statement = insert(policy_bundles).values(
                    tenant_id=bundle.tenant_id,
                    name=bundle.name,
                    version=version,
                    modules=dict(bundle.modules),
                    data=bundle.data,
                    digest=bundle.digest,
                    created_by=actor,
                )
                row = (await connection.execute(statement.returning(policy_bundles))).one()
                await _audit(connection, bundle.tenant_id, actor, "policy.uploaded", bundle.name, version)
                return _stored(row)
        except IntegrityError:
            raise ServiceError(
                ErrorCode.CONFLICT, "another version was uploaded at the same moment; try again", field="name"
            ) from None

    async def get(self, tenant_id: UUID, name: str, version: int) -> StoredPolicy | None:
        """Return one version, or None."""
        query = select(policy_bundles).where(
            policy_bundles.c.name == name, policy_bundles.c.version == version
        )
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _stored(row)

    async def versions(self, tenant_id: UUID, name: str) -> Sequence[StoredPolicy]:
        """Return the newest versions of a policy, newest first."""
        query = (
            select(policy_bundles)
            .where(policy_bundles.c.name == name)
            .order_by(policy_bundles.c.version.desc())
            .limit(_SHOWN)
        )
        async with self._database.tenant(tenant_id) as connection:
            return [_stored(row) for row in await connection.execute(query)]

    async def states(self, tenant_id: UUID) -> Sequence[PolicyState]:
        """Return the tenant's policies by name."""
        newest = (
            select(policy_bundles.c.name, func.max(policy_bundles.c.version).label("latest"))
            .group_by(policy_bundles.c.name)
            .order_by(policy_bundles.c.name)
        )
        async with self._database.tenant(tenant_id) as connection:
            held = {row.name: row for row in await connection.execute(_HELD)}
            return [
                _state(row.name, row.latest, held.get(row.name)) for row in await connection.execute(newest)
            ]

    async def active(self, tenant_id: UUID) -> Mapping[str, int]:
        """Return the versions in force, by name."""
        async with self._database.tenant(tenant_id) as connection:
            found = await connection.execute(_HELD)
            return {row.name: row.version for row in found if row.version is not None}

    async def activate(self, tenant_id: UUID, name: str, version: int | None, *, actor: str) -> PolicyState:
        """Put a version in force, or none, with its audit event; NOT_FOUND for one that is not there."""
        return await self._change(tenant_id, name, version, actor=actor, back=False)

    async def roll_back(self, tenant_id: UUID, name: str, *, actor: str) -> PolicyState:
        """Put the version before the active one in force; CONFLICT when there was none."""
        return await self._change(tenant_id, name, None, actor=actor, back=True)

    async def _change(
        self, tenant_id: UUID, name: str, version: int | None, *, actor: str, back: bool
    ) -> PolicyState:
        newest = select(func.max(policy_bundles.c.version)).where(policy_bundles.c.name == name)
        there = select(policy_bundles.c.version).where(
            policy_bundles.c.name == name, policy_bundles.c.version == version
        )
        try:
            async with self._database.tenant(tenant_id) as connection:
                latest = (await connection.execute(newest)).scalar_one()
                if latest is None:
                    raise ServiceError(
                        ErrorCode.NOT_FOUND, "the tenant has no policy of this name", field="name"
                    )
                held = (
                    await connection.execute(_HELD.where(policy_activations.c.name == name))
                ).one_or_none()
                if back:
                    version = None if held is None else held.previous
                    if version is None:
                        raise ServiceError(ErrorCode.CONFLICT, "no version was in force before", field="name")
                elif version is not None and (await connection.execute(there)).one_or_none() is None:
                    raise ServiceError(
                        ErrorCode.NOT_FOUND, "there is no such version of this policy", field="version"
                    )
                before = None if held is None else held.version
                if held is not None and before == version:
                    return _state(name, latest, held)
                statement = insert(policy_activations).values(
                    tenant_id=tenant_id,
                    name=name,
                    seq=1 if held is None else held.seq + 1,
                    version=version,
                    # Taken out of force, a policy can still be gone back to.
                    previous=before if before is not None else (None if held is None else held.previous),
                    by=actor,
                )
                row = (await connection.execute(statement.returning(policy_activations))).one()
                action = "policy.rolled_back" if back else "policy.activated"
                await _audit(connection, tenant_id, actor, action, name, version)
                return _state(name, latest, row)
        except IntegrityError:
            raise ServiceError(
                ErrorCode.CONFLICT, "the policy was changed at the same moment; look and try again"
            ) from None


async def _audit(
    connection: AsyncConnection, tenant_id: UUID, actor: str, action: str, name: str, version: int | None
) -> None:
    await append_event(
        connection,
        tenant_id=tenant_id,
        actor=actor,
        action=action,
        subject=f"policies/{name}",
        detail={"version": version},
    )


def _stored(row: Row[tuple[object, ...]]) -> StoredPolicy:
    return StoredPolicy(
        bundle=PolicyBundle(row.tenant_id, row.name, row.modules, row.data),
        version=row.version,
        created_at=row.created_at.astimezone(UTC),
        created_by=row.created_by,
    )


def _state(name: str, latest: int, held: Row[tuple[object, ...]] | None) -> PolicyState:
    if held is None:
        return PolicyState(name, latest, None, None, None)
    return PolicyState(name, latest, held.version, held.previous, held.at.astimezone(UTC))
