"""/api/v1/incidents: analyses of serious risk that belong together, and taking care of them."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.incidents_wire import (
    IncidentDetailOut,
    IncidentOut,
    IncidentPage,
    IncidentSummaryOut,
    ResolveRequest,
)
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.insights.handle_incidents import Incidents
from analysis_svc.domain.insights.incidents import Incident, IncidentStatus
from analysis_svc.domain.insights.span import span_of

_READS = (requires("insights:read"),)
_MANAGES = (requires("incidents:manage"),)


class IncidentsController(Controller):
    """Incidents of the caller's tenant."""

    path = "/api/v1/incidents"
    tags = ("insights",)

    @get("/", summary="List incidents", guards=_READS, responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        incidents: Injected[Incidents],
        since: Since = None,
        until: Until = None,
        application: Application = None,
        status: FromQuery[IncidentStatus | None] = None,
        cursor: Annotated[
            UUID | None, QueryParameter(description="next_cursor of the page before this one")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> IncidentPage:
        """Answer incidents that were opened in the span, the newest first."""
        span = span_of(since, until, application, now=datetime.now(UTC))
        found = await incidents.page(principal.tenant_id, span, status=status, after=cursor, limit=limit + 1)
        items = [_out(one) for one in found[:limit]]
        return IncidentPage(items, next_cursor=items[-1].id if len(found) > limit else None)

    @get("/summary", summary="Counts and times to resolve", guards=_READS, responses=faults())
    async def summary(
        self,
        principal: Injected[Principal],
        incidents: Injected[Incidents],
        since: Since = None,
        until: Until = None,
        application: Application = None,
    ) -> IncidentSummaryOut:
        """Answer how many incidents the span has, and how long it took to resolve them (MTTR)."""
        span = span_of(since, until, application, now=datetime.now(UTC))
        summary = await incidents.summary(principal.tenant_id, span)
        return IncidentSummaryOut(
            start=span.start,
            end=span.end,
            open=summary.open,
            acknowledged=summary.acknowledged,
            resolved=summary.resolved,
            mttr_s=summary.mttr_s,
            median_to_resolve_s=summary.median_to_resolve_s,
            mtta_s=summary.mtta_s,
            oldest_open_at=summary.oldest_open_at,
            by_level=summary.by_level,
            put_aside=summary.put_aside,
        )

    @get(
        "/{incident_id:uuid}",
        summary="One incident with its timeline",
        guards=_READS,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def one(
        self, incident_id: FromPath[UUID], principal: Injected[Principal], incidents: Injected[Incidents]
    ) -> IncidentDetailOut:
        """Answer the incident and its analyses; another tenant's is not there."""
        found = await incidents.one(principal.tenant_id, incident_id)
        return msgspec.convert(found, IncidentDetailOut, from_attributes=True)

    @post(
        "/{incident_id:uuid}/acknowledge",
        status_code=200,
        summary="Take an incident on",
        guards=_MANAGES,
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def acknowledge(
        self, incident_id: FromPath[UUID], principal: Injected[Principal], incidents: Injected[Incidents]
    ) -> IncidentOut:
        """Note that the caller takes care of it; 409 when somebody did already."""
        return _out(await incidents.acknowledge(principal, incident_id))

    @post(
        "/{incident_id:uuid}/resolve",
        status_code=200,
        summary="End an incident",
        guards=_MANAGES,
        responses=faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def resolve(
        self,
        incident_id: FromPath[UUID],
        data: Annotated[ResolveRequest, Body(examples=[Example(id="fixed", value={"resolution": "fixed"})])],
        principal: Injected[Principal],
        incidents: Injected[Incidents],
    ) -> IncidentOut:
        """Note how it ended; 409 when it has ended already. What comes after is another incident."""
        return _out(await incidents.resolve(principal, incident_id, data.resolution))


def _out(incident: Incident) -> IncidentOut:
    return msgspec.convert(incident, IncidentOut, from_attributes=True)
