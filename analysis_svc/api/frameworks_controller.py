"""/api/v1/frameworks: what findings are tied to, and a tenant's own to propose."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from analysis_svc.api.frameworks_wire import (
    CrosswalkOut,
    FrameworkList,
    FrameworkOut,
    crosswalk_out,
    framework_out,
)
from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.own_frameworks_wire import FrameworkIn, FrameworkVersionOut, draft_of, version_out
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.crosswalk import crosswalk
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.manage_frameworks import ManageFrameworks

_READ = requires("frameworks:read")
_HOUSE_RULES = {
    "id": "house-rules",
    "title": "Rules of our house",
    "edition": "2026",
    "source": "Handbook, chapter 7",
    "controls": [
        {
            "id": "H-1",
            "title": "No keys in chats",
            "statement": "Nobody pastes credentials into a chat.",
            "priority": "high",
            "judged_on": "request",
        }
    ],
    "links": [
        {
            "label": "SECRET.ApiKey",
            "control": "H-1",
            "relation": "direct",
            "why": "A key in a text is what the rule forbids.",
        }
    ],
}


class FrameworksController(Controller):
    """The framework catalogues."""

    path = "/api/v1/frameworks"
    tags = ("frameworks",)

    @get("/", guards=[_READ], summary="List frameworks", responses=faults())
    async def list_frameworks(
        self, principal: Injected[Principal], catalogues: Injected[Catalogues]
    ) -> FrameworkList:
        """Answer every framework with its controls, the tenant's own ones in force included."""
        catalogue = await catalogues.of(principal.tenant_id)
        return FrameworkList([framework_out(one) for one in catalogue.frameworks.values()])

    @post(
        "/",
        guards=[requires("frameworks:manage")],
        summary="Propose a framework",
        responses=faults(*BODY, ErrorCode.CONFLICT),
    )
    async def propose(
        self,
        data: Annotated[FrameworkIn, Body(examples=[Example(id="house-rules", value=_HOUSE_RULES)])],
        principal: Injected[Principal],
        manage_frameworks: Injected[ManageFrameworks],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[FrameworkVersionOut]:
        """Keep a new version, which analyses use once another token's holder has approved it.

        The same content again is the same version.
        """

        async def propose(_: UUID) -> Response[FrameworkVersionOut]:
            draft = draft_of(data)
            kept = await manage_frameworks.propose(principal.tenant_id, draft, actor=principal.token_id)
            return Response(version_out(kept), status_code=201)

        return await answered_once(request, idempotency_key, propose)

    @get(
        "/{framework:str}",
        guards=[_READ],
        summary="One framework",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def one(
        self,
        framework: Annotated[str, PathParameter(max_length=128)],
        principal: Injected[Principal],
        catalogues: Injected[Catalogues],
    ) -> FrameworkOut:
        """Answer the framework of that id."""
        catalogue = await catalogues.of(principal.tenant_id)
        found = catalogue.frameworks.get(framework)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no framework of this id", field="framework")
        return framework_out(found)

    @get(
        "/{framework:str}/crosswalk",
        guards=[_READ],
        summary="What it shares with others",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def crosswalk(
        self,
        framework: Annotated[str, PathParameter(max_length=128)],
        principal: Injected[Principal],
        catalogues: Injected[Catalogues],
        to: Annotated[
            str | None, QueryParameter(max_length=128, description="only ties to this framework")
        ] = None,
    ) -> CrosswalkOut:
        """Answer what each control has in common with controls of other frameworks, and why."""
        catalogue = await catalogues.of(principal.tenant_id)
        return crosswalk_out(catalogue, framework, crosswalk(catalogue, framework, to))
