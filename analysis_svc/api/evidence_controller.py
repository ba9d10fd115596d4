"""GET /api/v1/evidence: what was analysed, as it was kept."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.params import FromPath, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.wire import EvidenceOut, EvidencePage, EvidenceSummaryOut
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.ports import EvidenceStore


class EvidenceController(Controller):
    """The evidence of the caller's tenant."""

    path = "/api/v1/evidence"
    tags = ("evidence",)
    guards = (requires("evidence:read"),)

    @get("/", summary="List evidence", responses=faults(ErrorCode.NOT_FOUND))
    async def page(
        self,
        principal: Injected[Principal],
        evidence: Injected[EvidenceStore],
        cursor: Annotated[
            UUID | None, QueryParameter(description="next_cursor of the page before this one")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> EvidencePage:
        """Answer records newest first, without their findings; nothing comes after a cursor of nobody's."""
        found = await evidence.page(principal.tenant_id, after=cursor, limit=limit + 1)
        items = [msgspec.convert(one, EvidenceSummaryOut, from_attributes=True) for one in found[:limit]]
        return EvidencePage(items, next_cursor=items[-1].evidence_id if len(found) > limit else None)

    @get(
        "/{evidence_id:uuid}",
        summary="One analysis as it was kept",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def one(
        self,
        evidence_id: FromPath[UUID],
        principal: Injected[Principal],
        evidence: Injected[EvidenceStore],
    ) -> EvidenceOut:
        """Answer the record with its findings; another tenant's is not there."""
        record = await evidence.get(principal.tenant_id, evidence_id)
        if record is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such evidence", field="evidence_id")
        return msgspec.convert(record, EvidenceOut, from_attributes=True)
