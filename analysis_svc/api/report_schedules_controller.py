"""/api/v1/report-schedules: reports that are made again and again."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath

from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.reports_wire import ScheduleList, ScheduleOut, ScheduleRequest, schedule_out
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.reports.manage_reports import ManageReports

_EXAMPLE = {"framework": "soc2", "cadence": "monthly", "audience": "auditor", "format": "pdf"}
_WRITES = (requires("reports:write"),)


class ReportSchedulesController(Controller):
    """Schedules of the caller's tenant."""

    path = "/api/v1/report-schedules"
    tags = ("reports",)

    @get("/", summary="List schedules", guards=(requires("reports:read"),), responses=faults())
    async def every(
        self, principal: Injected[Principal], manage_reports: Injected[ManageReports]
    ) -> ScheduleList:
        """Answer every schedule, the oldest first."""
        found = await manage_reports.schedules(principal.tenant_id)
        return ScheduleList([schedule_out(one) for one in found])

    @post(
        "/",
        status_code=201,
        summary="Have a report made regularly",
        guards=_WRITES,
        responses=faults(*BODY, ErrorCode.CONFLICT),
    )
    async def add(
        self,
        data: Annotated[ScheduleRequest, Body(examples=[Example(id="monthly", value=_EXAMPLE)])],
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[ScheduleOut]:
        """Set it; the first report is about the present day, week or month, once that is over."""

        async def add(schedule_id: UUID) -> Response[ScheduleOut]:
            made = await manage_reports.schedule(
                principal,
                framework=data.framework,
                application=data.application,
                audience=data.audience,
                kind=data.format,
                cadence=data.cadence,
                schedule_id=schedule_id,
            )
            return Response(schedule_out(made), status_code=201)

        return await answered_once(request, idempotency_key, add)

    @delete(
        "/{schedule_id:uuid}",
        status_code=204,
        summary="Remove a schedule",
        guards=_WRITES,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def remove(
        self,
        schedule_id: FromPath[UUID],
        principal: Injected[Principal],
        manage_reports: Injected[ManageReports],
    ) -> None:
        """Remove it; the reports that it made stay."""
        await manage_reports.unschedule(principal, schedule_id)
