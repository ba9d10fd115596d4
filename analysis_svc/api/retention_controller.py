"""/api/v1/legal-holds and /api/v1/erasures: what must stay, and what must go before its time."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.retention_wire import (
    ErasureList,
    ErasureOut,
    ErasureRequest,
    HoldList,
    HoldOut,
    HoldRequest,
)
from analysis_svc.domain.access import Principal
from analysis_svc.domain.erasures import Erasures
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.legal_holds import LegalHolds

_HOLD = {"reason": "case 4711", "application": "chat", "covers_from": "2026-01-01T00:00:00Z"}


class LegalHoldsController(Controller):
    """Legal holds of the caller's tenant: while one is in force, nothing that it covers is deleted."""

    path = "/api/v1/legal-holds"
    tags = ("retention",)
    guards = (requires("retention:manage"),)

    @get("/", summary="List legal holds", responses=faults())
    async def page(
        self,
        *,
        principal: Injected[Principal],
        legal_holds: Injected[LegalHolds],
        active: Annotated[bool | None, QueryParameter(description="in force, or ended")] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> HoldList:
        """Answer holds, the newest first; ``active`` narrows to those in force, or to those that ended."""
        found = await legal_holds.page(principal.tenant_id, active=active, limit=limit)
        return HoldList([msgspec.convert(one, HoldOut, from_attributes=True) for one in found])

    @post("/", summary="Place a legal hold", responses=faults(*BODY, ErrorCode.CONFLICT))
    async def place(
        self,
        data: Annotated[HoldRequest, Body(examples=[Example(id="case", value=_HOLD)])],
        principal: Injected[Principal],
        legal_holds: Injected[LegalHolds],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[HoldOut]:
        """Keep what the hold covers from deletion and erasure, from this answer on."""

        async def place(hold_id: UUID) -> Response[HoldOut]:
            hold = await legal_holds.place(
                principal,
                data.reason,
                application=data.application,
                covers_from=data.covers_from,
                covers_to=data.covers_to,
                hold_id=hold_id,
            )
            return Response(msgspec.convert(hold, HoldOut, from_attributes=True), status_code=201)

        return await answered_once(request, idempotency_key, place)

    @post(
        "/{hold_id:uuid}/release",
        status_code=200,
        summary="Release a legal hold",
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def release(
        self, hold_id: FromPath[UUID], principal: Injected[Principal], legal_holds: Injected[LegalHolds]
    ) -> HoldOut:
        """End the hold; what is due by then goes with the next deletion."""
        hold = await legal_holds.release(principal, hold_id)
        return msgspec.convert(hold, HoldOut, from_attributes=True)


class ErasuresController(Controller):
    """Erasure of what is kept of one person."""

    path = "/api/v1/erasures"
    tags = ("retention",)
    guards = (requires("retention:manage"),)

    @get("/", summary="List erasures", responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        erasures: Injected[Erasures],
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> ErasureList:
        """Answer erasures, the newest first."""
        found = await erasures.page(principal.tenant_id, limit=limit)
        return ErasureList([msgspec.convert(one, ErasureOut, from_attributes=True) for one in found])

    @post("/", status_code=202, summary="Erase a person's data", responses=faults(*BODY, ErrorCode.CONFLICT))
    async def ask(
        self,
        data: Annotated[ErasureRequest, Body(examples=[Example(id="user", value={"subject": "user-17"})])],
        principal: Injected[Principal],
        erasures: Injected[Erasures],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ErasureOut]:
        """Take the request; the pipelines erase within minutes, and what a hold covers once it is released.

        The subject itself is not kept, only a keyed hash of it.
        """

        async def ask(erasure_id: UUID) -> Response[ErasureOut]:
            erasure = await erasures.request(principal, data.subject, erasure_id=erasure_id)
            return Response(msgspec.convert(erasure, ErasureOut, from_attributes=True), status_code=202)

        return await answered_once(request, idempotency_key, ask)

    @get("/{erasure_id:uuid}", summary="One erasure", responses=faults(ErrorCode.NOT_FOUND))
    async def one(
        self, erasure_id: FromPath[UUID], principal: Injected[Principal], erasures: Injected[Erasures]
    ) -> ErasureOut:
        """Answer how far it is."""
        erasure = await erasures.get(principal.tenant_id, erasure_id)
        return msgspec.convert(erasure, ErasureOut, from_attributes=True)
