"""Evidence that leaves the house: sealed exports, what was exported, and the keys to check them with."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Protocol

import msgspec
from litestar import Controller, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, QueryParameter

from analysis_svc.api.exports_wire import EvidenceKeySet, ExportPage, ExportRequest, made_out
from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.exports.make_export import ExportEvidence, ExportOrder, settled_period

_FILE = "application/octet-stream"
_EXAMPLE = {"framework": "soc2", "format": "oscal"}
_PUBLIC = {status: spec for status, spec in faults().items() if status >= HTTPStatus.INTERNAL_SERVER_ERROR}


class PublishedKeys(Protocol):
    """Knows the public halves of the keys of exports."""

    async def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return them as a JSON Web Key Set; raises StorageUnavailableError."""
        ...


class ExportsController(Controller):
    """Exports of the caller's tenant."""

    path = "/api/v1/evidence/exports"
    tags = ("evidence",)

    @post(
        "/",
        summary="Export the evidence of a period",
        guards=[requires("evidence:export")],
        responses=faults(*BODY, ErrorCode.NOT_FOUND),
        media_type=_FILE,
    )
    async def make(
        self,
        data: Annotated[
            ExportRequest,
            Body(examples=[Example(id="oscal", value={"framework": "soc2", "format": "oscal"})]),
        ],
        principal: Injected[Principal],
        export_evidence: Injected[ExportEvidence],
    ) -> Response[bytes]:
        """Answer a signed file: OSCAL assessment results, JSON, or CSV tables in an archive.

        It holds the status of every control with its rule and gaps, the analyses behind it, the audit log of
        the period, and the versions of taxonomy, framework, model and policy. Its seal names the export
        before it. `python -m analysis_svc verify FILE` checks it without this service. At most 20,000
        analyses.
        """
        period = settled_period(data.start, data.end, data.application, now=datetime.now(UTC))
        made = await export_evidence.make(principal, ExportOrder(data.framework, period, data.format))
        return Response(
            made.content,
            media_type=_FILE,
            headers={"Content-Disposition": f'attachment; filename="{made.name}"'},
        )

    @get("/", summary="List exports", guards=[requires("evidence:read")], responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        export_evidence: Injected[ExportEvidence],
        before: Annotated[int | None, QueryParameter(ge=1, le=2**53)] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> ExportPage:
        """Answer what was exported, the newest first, with the digest that each next one names."""
        found = await export_evidence.made(principal.tenant_id, before=before, limit=limit)
        more = len(found) == limit and found[-1].sequence > 1
        return ExportPage([made_out(one) for one in found], found[-1].sequence if more else None)


class EvidenceKeysController(Controller):
    """Public: who checks an export needs no account."""

    path = "/.well-known"
    tags = ("evidence",)

    @get("/evidence-keys.json", summary="Keys that sign exports", security=[{}], responses=_PUBLIC)
    async def keys(self, published_keys: Injected[PublishedKeys]) -> EvidenceKeySet:
        """Answer every key there ever was: what it signed stays checkable."""
        return msgspec.convert(await published_keys.jwks(), EvidenceKeySet)
