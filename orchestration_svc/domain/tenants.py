"""Tenants: who the rows belong to."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.ports import TenantStore

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer, team or application whose data is kept apart."""

    tenant_id: UUID
    name: str
    created_at: datetime


class ManageTenants:
    """Create and find tenants; an act of the platform, not of a tenant."""

    def __init__(self, store: TenantStore) -> None:
        self._store = store

    async def create(self, name: str, *, actor: str) -> Tenant:
        """Create a tenant.

        Raises:
            ServiceError: INVALID_REQUEST for a name that is no DNS label, CONFLICT for one in use.
        """
        if not _NAME.fullmatch(name):
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                "a name is 1 to 63 lower-case letters, digits and inner hyphens",
                field="name",
            )
        return await self._store.create(name, actor=actor)

    async def list(self) -> list[Tenant]:
        """List all tenants by name."""
        return await self._store.list()

    async def by_name(self, name: str) -> Tenant:
        """Find a tenant.

        Raises:
            ServiceError: NOT_FOUND.
        """
        tenant = await self._store.by_name(name)
        if tenant is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no tenant of this name", field="name")
        return tenant

    async def by_id(self, tenant_id: UUID) -> Tenant:
        """Find a tenant.

        Raises:
            ServiceError: NOT_FOUND.
        """
        tenant = await self._store.by_id(tenant_id)
        if tenant is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such tenant", field="tenant_id")
        return tenant
