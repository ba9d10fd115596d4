"""Reports: order one, see how far it is, download it."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath

from analysis_svc.domain.dashboard_views import DashboardViews, Stretch
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.reports.manage_reports import ManageReports
from analysis_svc.domain.reports.report import Audience, ReportFormat, ReportOrder
from analysis_svc.web import paths
from analysis_svc.web.csrf import Form
from analysis_svc.web.doors import signed_in
from analysis_svc.web.html import HEADERS
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import A_PERSON_WAITS_S, Page
from analysis_svc.web.stretches import OWN, chosen_stretch

_PATH = f"{paths.HOME}/reports"
_PAGE = 25
_USUAL_DAYS = 30
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN_AS_FAULTS = (ErrorCode.INVALID_REQUEST, ErrorCode.CONFLICT, ErrorCode.SERVICE_UNAVAILABLE)


class ReportPages(Controller):
    """Reports of the visitor's tenant."""

    path = _PATH
    include_in_schema = False

    @get("/", guards=[signed_in("reports:read")])
    async def listed(
        self,
        page: Injected[Page],
        manage_reports: Injected[ManageReports],
        dashboard_views: Injected[DashboardViews],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """List reports, newest first, with a form to order another."""
        return await _show(page, manage_reports, dashboard_views, catalogues)

    @post("/", guards=[signed_in("reports:write")], status_code=303)
    async def order(
        self,
        page: Injected[Page],
        manage_reports: Injected[ManageReports],
        dashboard_views: Injected[DashboardViews],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """Order a report; the same form sent twice orders one."""
        form = await page.form()
        try:
            order = _order_of(form)
            await manage_reports.order(page.principal, order, key=form.get("order_key", "")[:64] or None)
        except ServiceError as error:
            if error.code not in _SHOWN_AS_FAULTS:
                raise
            return await _show(page, manage_reports, dashboard_views, catalogues, form=form, fault=error)
        return page.go(_PATH)

    @get("/{report_id:uuid}/file", guards=[signed_in("reports:read")])
    async def file(
        self, report_id: FromPath[UUID], page: Injected[Page], manage_reports: Injected[ManageReports]
    ) -> Response[bytes]:
        """Hand the file out, to be saved: it is never shown as a page of this origin."""
        file = await manage_reports.file(page.principal, report_id)
        headers = dict(HEADERS) | {
            "Content-Disposition": f'attachment; filename="{_UNSAFE.sub("-", file.name)}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return Response(file.content, media_type=file.media_type, headers=headers)


def _order_of(form: Form) -> ReportOrder:
    for name, kind in (("audience", Audience), ("format", ReportFormat)):
        if form.get(name) not in {str(one) for one in kind}:
            raise ServiceError(ErrorCode.INVALID_REQUEST, f"is one of {', '.join(kind)}", field=name)
    chosen = chosen_stretch(
        datetime.now(UTC),
        period=OWN,
        since=form.get("from"),
        until=form.get("to"),
        application=form.get("application"),
    )
    start, end = chosen.so_far
    return ReportOrder(
        framework=form.get("framework", ""),
        start=start,
        end=end,
        application=chosen.stretch.application,
        audience=Audience(form["audience"]),
        format=ReportFormat(form["format"]),
    )


async def _show(
    page: Page,
    manage_reports: ManageReports,
    dashboard_views: DashboardViews,
    catalogues: Catalogues,
    *,
    form: Form | None = None,
    fault: ServiceError | None = None,
) -> Response[str]:
    tenant, before = page.principal.tenant_id, page.asked_id("before")
    found = await manage_reports.page(tenant, before=before, limit=_PAGE + 1)
    shown = found[:_PAGE]
    today = datetime.now(UTC)
    since = today - timedelta(days=_USUAL_DAYS)
    catalogue = await catalogues.of(tenant, within_s=A_PERSON_WAITS_S)
    return page.show(
        "reports.html",
        status_code={ErrorCode.INVALID_REQUEST: 400, ErrorCode.CONFLICT: 409}.get(fault.code, 503)
        if fault
        else 200,
        reports=shown,
        more=str(shown[-1].report_id) if len(found) > _PAGE else None,
        waiting=before is None and any(not one.has_ended for one in shown),
        first_page=before is None,
        frameworks=list(catalogue.frameworks.values()),
        titles={one.id: one.title for one in catalogue.frameworks.values()},
        applications=await dashboard_views.applications(tenant, Stretch(since, today, timedelta(days=1))),
        audiences=[str(one) for one in Audience],
        formats=[str(one) for one in ReportFormat],
        given={
            **dict.fromkeys(("framework", "application", "audience", "format")),
            "from": f"{since:%Y-%m-%d}",
            "to": f"{today:%Y-%m-%d}",
            **(form or {}),
        },
        order_key=secrets.token_urlsafe(16),
        fault=f"{fault.field or ''} {fault.detail}".strip() if fault else "",
    )
