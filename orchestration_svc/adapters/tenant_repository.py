"""Tenants in Postgres."""

from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select, text
from sqlalchemy.exc import IntegrityError

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import tenants
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.tenants import Tenant


class TenantRepository:
    """Creates and finds tenants, as the platform."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, *, actor: str) -> Tenant:
        """Insert the tenant; the act is audited in the operator tenant's chain."""
        tenant_id = uuid4()
        try:
            async with self._database.platform() as connection:
                row = (
                    await connection.execute(
                        insert(tenants).values(id=tenant_id, name=name).returning(tenants)
                    )
                ).one()
                await connection.execute(
                    text("select set_config('app.tenant_id', :t, true)"), {"t": str(OPERATOR_TENANT_ID)}
                )
                await append_event(
                    connection,
                    tenant_id=OPERATOR_TENANT_ID,
                    actor=actor,
                    action="tenant.created",
                    subject=str(tenant_id),
                    detail={"name": name},
                )
        except IntegrityError:
            raise ServiceError(
                ErrorCode.CONFLICT, "a tenant of this name exists already", field="name"
            ) from None
        return _tenant(row)

    async def list(self) -> list[Tenant]:
        """Return all tenants by name."""
        async with self._database.platform() as connection:
            rows = await connection.execute(select(tenants).order_by(tenants.c.name))
            return [_tenant(row) for row in rows]

    async def by_name(self, name: str) -> Tenant | None:
        """Return the tenant of that name."""
        async with self._database.platform() as connection:
            row = (await connection.execute(select(tenants).where(tenants.c.name == name))).one_or_none()
        return _tenant(row) if row else None

    async def by_id(self, tenant_id: UUID) -> Tenant | None:
        """Return the tenant of that id."""
        async with self._database.platform() as connection:
            row = (await connection.execute(select(tenants).where(tenants.c.id == tenant_id))).one_or_none()
        return _tenant(row) if row else None


def _tenant(row: Row[tuple[object, ...]]) -> Tenant:
    return Tenant(row.id, row.name, row.created_at)
