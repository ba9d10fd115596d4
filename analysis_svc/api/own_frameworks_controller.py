"""/api/v1/frameworks, the writing half: a tenant's own, proposed by one and approved by another."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.oscal_wire import read_oscal
from analysis_svc.api.own_frameworks_wire import (
    DecisionIn,
    FrameworkVersionList,
    FrameworkVersionOut,
    OscalIn,
    OwnFrameworkOut,
    own_out,
    version_out,
)
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.manage_frameworks import ManageFrameworks

_OSCAL = {
    "catalog": {
        "uuid": "74c8ba1e-5cd4-4ad1-bbfd-d888e2f6c724",
        "metadata": {"title": "Rules in OSCAL", "version": "1"},
        "controls": [
            {
                "id": "r-1",
                "title": "Rule one",
                "parts": [{"name": "statement", "prose": "Keep keys out of texts."}],
            }
        ],
    }
}

Framework = Annotated[str, PathParameter(max_length=128)]
Version = Annotated[int, PathParameter(ge=1, le=2**31)]


class OwnFrameworksController(Controller):
    """Read in, look at and decide on the caller's tenant's own frameworks."""

    path = "/api/v1/frameworks"
    tags = ("frameworks",)

    @post(
        "/oscal",
        guards=[requires("frameworks:manage")],
        summary="Propose an OSCAL catalogue",
        responses=faults(*BODY, ErrorCode.CONFLICT),
    )
    async def propose_oscal(
        self,
        data: Annotated[OscalIn, Body(examples=[Example(id="oscal", value=_OSCAL)])],
        principal: Injected[Principal],
        manage_frameworks: Injected[ManageFrameworks],
        framework: Annotated[
            str, QueryParameter(min_length=2, max_length=48, description="id the framework shall have")
        ],
        links_from: Annotated[
            str | None,
            QueryParameter(
                max_length=48, description="a shipped framework whose links controls of the same id take over"
            ),
        ] = None,
        *,
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[FrameworkVersionOut]:
        """Keep an OSCAL catalogue, sent as it is published, as a new version."""

        async def propose(_: UUID) -> Response[FrameworkVersionOut]:
            draft = await asyncio.to_thread(
                read_oscal, data.catalog, framework=framework, links_from=links_from
            )
            kept = await manage_frameworks.propose(principal.tenant_id, draft, actor=principal.token_id)
            return Response(version_out(kept), status_code=201)

        return await answered_once(request, idempotency_key, propose)

    @get(
        "/{framework:str}/versions",
        guards=[requires("frameworks:read")],
        summary="Versions of one's own framework",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def versions(
        self,
        framework: Framework,
        principal: Injected[Principal],
        manage_frameworks: Injected[ManageFrameworks],
    ) -> FrameworkVersionList:
        """Answer every version with what was decided on it, newest first."""
        found = await manage_frameworks.versions(principal.tenant_id, framework)
        return FrameworkVersionList([version_out(one) for one in found])

    @get(
        "/{framework:str}/versions/{version:int}",
        guards=[requires("frameworks:read")],
        summary="One version with its content",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def version(
        self,
        framework: Framework,
        version: Version,
        principal: Injected[Principal],
        manage_frameworks: Injected[ManageFrameworks],
    ) -> OwnFrameworkOut:
        """Answer all of a version, whatever its state, to look at before deciding."""
        return own_out(await manage_frameworks.one(principal.tenant_id, framework, version))

    @post(
        "/{framework:str}/versions/{version:int}/decision",
        status_code=200,
        guards=[requires("frameworks:manage")],
        summary="Approve, reject or withdraw a version",
        responses=faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def decide(
        self,
        framework: Framework,
        version: Version,
        data: Annotated[
            DecisionIn,
            Body(examples=[Example(id="approve", value={"decision": "approve", "note": "read and agreed"})]),
        ],
        principal: Injected[Principal],
        manage_frameworks: Injected[ManageFrameworks],
    ) -> FrameworkVersionOut:
        """Decide on a version; who uploaded it cannot approve it.

        Of the approved versions the highest is in force; with it withdrawn, the one before is again.
        """
        decided = await manage_frameworks.decide(principal, framework, version, data.decision, data.note)
        return version_out(decided)
