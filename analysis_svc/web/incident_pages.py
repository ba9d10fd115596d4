"""Incidents: what happened, who took it on, how long it took."""

from datetime import timedelta
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from analysis_svc.domain.dashboard_views import DashboardViews
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.insights.handle_incidents import Incidents
from analysis_svc.domain.insights.incidents import IncidentStatus, Resolution
from analysis_svc.domain.insights.span import Span
from analysis_svc.web import paths
from analysis_svc.web.doors import signed_in
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import Page

_PATH = f"{paths.HOME}/incidents"
_PAGE = 50


class IncidentPages(Controller):
    """Incidents of the visitor's tenant."""

    path = _PATH
    include_in_schema = False

    @get("/", guards=[signed_in("insights:read")])
    async def listed(
        self, page: Injected[Page], incidents: Injected[Incidents], dashboard_views: Injected[DashboardViews]
    ) -> Response[str]:
        """List incidents that were opened in the period, the newest first."""
        chosen, tenant = page.chosen(usual="30d"), page.principal.tenant_id
        stretch = chosen.stretch
        span = Span(stretch.start, stretch.end, stretch.application)
        asked = page.asked("status")
        if asked is not None and asked not in {str(one) for one in IncidentStatus}:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"'status' is one of {', '.join(IncidentStatus)}", field="status"
            )
        after = page.asked_id("after")
        found = await incidents.page(
            tenant, span, status=IncidentStatus(asked) if asked else None, after=after, limit=_PAGE + 1
        )
        shown = found[:_PAGE]
        return page.show(
            "incidents.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, stretch),
            incidents=shown,
            more=chosen.query(status=asked, after=str(shown[-1].id)) if len(found) > _PAGE else None,
            summary=await incidents.summary(tenant, span),
            statuses=[str(one) for one in IncidentStatus],
            asked=asked,
            first_page=after is None,
            duration=duration,
        )

    @get("/{incident_id:uuid}", guards=[signed_in("insights:read")])
    async def one(
        self, incident_id: FromPath[UUID], page: Injected[Page], incidents: Injected[Incidents]
    ) -> Response[str]:
        """Show an incident with its timeline."""
        detail = await incidents.one(page.principal.tenant_id, incident_id)
        return page.show(
            "incident.html",
            incident=detail.incident,
            timeline=detail.timeline,
            resolutions=[(str(one), str(one).replace("_", " ")) for one in Resolution],
            duration=duration,
        )

    @post("/{incident_id:uuid}/acknowledge", guards=[signed_in("incidents:manage")], status_code=303)
    async def acknowledge(
        self, incident_id: FromPath[UUID], page: Injected[Page], incidents: Injected[Incidents]
    ) -> Response[str]:
        """Take an incident on."""
        await page.form()
        await incidents.acknowledge(page.principal, incident_id)
        return page.go(f"{_PATH}/{incident_id}")

    @post("/{incident_id:uuid}/resolve", guards=[signed_in("incidents:manage")], status_code=303)
    async def resolve(
        self, incident_id: FromPath[UUID], page: Injected[Page], incidents: Injected[Incidents]
    ) -> Response[str]:
        """End an incident."""
        form = await page.form()
        resolution = form.get("resolution", "")
        if resolution not in {str(one) for one in Resolution}:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                f"'resolution' is one of {', '.join(Resolution)}",
                field="resolution",
            )
        await incidents.resolve(page.principal, incident_id, Resolution(resolution))
        return page.go(f"{_PATH}/{incident_id}")


def duration(seconds: float | None) -> str:
    """Say a length of time in its two largest units; a dash for None."""
    if seconds is None:
        return "—"
    minutes = int(timedelta(seconds=seconds) / timedelta(minutes=1))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else "under a minute"
