"""/api/v1/reports: order a report, see where it is, fetch it."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, HeaderParameter, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.reports_wire import ReportOut, ReportPage, ReportRequest, order_of, report_out
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.reports.manage_reports import ManageReports

_EXAMPLE = {
    "framework": "soc2",
    "period": {"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
    "audience": "executive",
    "format": "pdf",
}
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="sent again within 24 hours with the same order, no second report is made",
    ),
]
_READS = (requires("reports:read"),)


class ReportsController(Controller):
    """Reports of the caller's tenant."""

    path = "/api/v1/reports"
    tags = ("reports",)

    @post(
        "/",
        status_code=202,
        summary="Order a report",
        guards=(requires("reports:write"),),
        responses=faults(*BODY, ErrorCode.CONFLICT),
        response_headers=[ResponseHeader(name="Location", value="", documentation_only=True)],
    )
    async def order(
        self,
        data: Annotated[ReportRequest, Body(examples=[Example(id="month", value=_EXAMPLE)])],
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ReportOut]:
        """Have a worker make it; ``Location`` is where to see how far it is.

        503 names a library that the format needs and that this service does not have.
        """
        report = await manage_reports.order(principal, order_of(data), key=idempotency_key)
        return Response(
            report_out(report), status_code=202, headers={"Location": f"{self.path}/{report.report_id}"}
        )

    @get("/", summary="List reports", guards=_READS, responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
        cursor: Annotated[
            UUID | None, QueryParameter(description="next_cursor of the page before this one")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> ReportPage:
        """Answer reports, newest first."""
        found = await manage_reports.page(principal.tenant_id, before=cursor, limit=limit + 1)
        items = [report_out(one) for one in found[:limit]]
        return ReportPage(items, next_cursor=items[-1].report_id if len(found) > limit else None)

    @get(
        "/{report_id:uuid}",
        summary="Look at a report",
        guards=_READS,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def show(
        self,
        report_id: FromPath[UUID],
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
    ) -> ReportOut:
        """Answer where it is, and what its file is once it is ready."""
        return report_out(await manage_reports.get(principal.tenant_id, report_id))

    @get(
        "/{report_id:uuid}/file",
        summary="Fetch the file",
        guards=_READS,
        media_type="application/octet-stream",
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def file(
        self,
        report_id: FromPath[UUID],
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
    ) -> Response[bytes]:
        """Answer the bytes, as an attachment; 409 while it is not ready.

        A report as OSCAL is an export and takes the scope ``evidence:export`` as well.
        """
        found = await manage_reports.file(principal, report_id)
        return Response(
            found.content,
            media_type=found.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{found.name}"',
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )
