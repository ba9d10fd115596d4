"""/api/v1/keys: the API keys of the caller's tenant."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from orchestration_svc.api.access_wire import IssuedKeyOut, KeyIn, KeyList, RotateIn, issued_out, key_out
from orchestration_svc.api.guards import requires
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.problems import BODY, faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.keys import ManageKeys

KEY_EXAMPLE = Example(
    id="service",
    summary="for a service that sends texts",
    value={"name": "chat-gateway", "roles": ["analyst"]},
)
_ROTATION = Example(id="day", summary="a day to change over", value={"overlap_s": 86_400})


class KeysController(Controller):
    """Issue, list, rotate and revoke keys."""

    path = "/api/v1/keys"
    tags = ("keys",)
    guards = (requires("keys:manage"),)

    @get("/", summary="List keys", responses=faults())
    async def list_keys(self, principal: Injected[Principal], keys: Injected[ManageKeys]) -> KeyList:
        """Answer what is known of the tenant's keys, newest first."""
        return KeyList([key_out(key) for key in await keys.list(principal.tenant_id)])

    @post("/", summary="Issue a key", responses=faults(*BODY))
    async def issue(
        self,
        data: Annotated[KeyIn, Body(examples=[KEY_EXAMPLE])],
        principal: Injected[Principal],
        keys: Injected[ManageKeys],
    ) -> IssuedKeyOut:
        """Make a key; its token is shown this once."""
        issued = await keys.issue(
            tenant_id=principal.tenant_id,
            granter=principal,
            name=data.name,
            roles=frozenset(data.roles),
            scopes=None if data.scopes is None else frozenset(data.scopes),
            lifetime=timedelta(seconds=data.lifetime_s),
        )
        return issued_out(issued)

    @post(
        "/{key_id:uuid}/rotate",
        summary="Rotate a key",
        responses=faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def rotate(
        self,
        key_id: FromPath[UUID],
        data: Annotated[RotateIn, Body(examples=[_ROTATION])],
        principal: Injected[Principal],
        keys: Injected[ManageKeys],
    ) -> IssuedKeyOut:
        """Make a successor with the same rights; the old key works on for the overlap."""
        issued = await keys.rotate(
            tenant_id=principal.tenant_id,
            granter=principal,
            key_id=key_id,
            overlap=timedelta(seconds=data.overlap_s),
        )
        return issued_out(issued)

    @delete("/{key_id:uuid}", summary="Revoke a key", responses=faults(ErrorCode.NOT_FOUND))
    async def revoke(
        self, key_id: FromPath[UUID], principal: Injected[Principal], keys: Injected[ManageKeys]
    ) -> None:
        """Revoke a key at once, everywhere."""
        await keys.revoke(tenant_id=principal.tenant_id, actor=principal.token_id, key_id=key_id)
