"""/api/v1/tenants: acts of the platform, for the role platform_admin."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from orchestration_svc.api.access_wire import (
    IssuedKeyOut,
    KeyIn,
    TenantIn,
    TenantList,
    TenantOut,
    issued_out,
)
from orchestration_svc.api.guards import requires
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.keys_controller import KEY_EXAMPLE
from orchestration_svc.api.problems import BODY, faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.keys import ManageKeys
from orchestration_svc.domain.tenants import ManageTenants

_TENANT = Example(id="team", value={"name": "support-bot"})


class TenantsController(Controller):
    """Create and list tenants, and give a tenant its first key."""

    path = "/api/v1/tenants"
    tags = ("tenants",)
    guards = (requires("tenants:manage"),)

    @get("/", summary="List tenants", responses=faults())
    async def list_tenants(self, tenants: Injected[ManageTenants]) -> TenantList:
        """Answer all tenants by name."""
        found = await tenants.list()
        return TenantList([TenantOut(one.tenant_id, one.name, one.created_at) for one in found])

    @post("/", summary="Create a tenant", responses=faults(*BODY, ErrorCode.CONFLICT))
    async def create(
        self,
        data: Annotated[TenantIn, Body(examples=[_TENANT])],
        principal: Injected[Principal],
        tenants: Injected[ManageTenants],
    ) -> TenantOut:
        """Create a tenant; 409 when the name is in use."""
        tenant = await tenants.create(data.name, actor=principal.token_id)
        return TenantOut(tenant.tenant_id, tenant.name, tenant.created_at)

    @post(
        "/{tenant_id:uuid}/keys",
        summary="Issue a key to a tenant",
        responses=faults(*BODY, ErrorCode.NOT_FOUND),
    )
    async def issue_key(
        self,
        tenant_id: FromPath[UUID],
        data: Annotated[KeyIn, Body(examples=[KEY_EXAMPLE])],
        principal: Injected[Principal],
        tenants: Injected[ManageTenants],
        keys: Injected[ManageKeys],
    ) -> IssuedKeyOut:
        """Make a key that acts for the tenant; its token is shown this once."""
        tenant = await tenants.by_id(tenant_id)
        issued = await keys.issue(
            tenant_id=tenant.tenant_id,
            granter=principal,
            name=data.name,
            roles=frozenset(data.roles),
            scopes=None if data.scopes is None else frozenset(data.scopes),
            lifetime=timedelta(seconds=data.lifetime_s),
        )
        return issued_out(issued)
