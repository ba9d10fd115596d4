"""The pages that show kept evidence: overview, risk over time, findings by label, and the records."""

from datetime import timedelta
from uuid import UUID

from litestar import Controller, Response, get
from litestar.params import FromPath

from analysis_svc.domain.catalogue import OPEN_LABELS, Catalogue
from analysis_svc.domain.dashboard_views import DashboardViews, EvidenceFilter
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.insights.risk_history import History, RiskHistory
from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.models import Level
from analysis_svc.domain.ports import EvidenceStore
from analysis_svc.web import paths
from analysis_svc.web.charts import risk_columns, stacked
from analysis_svc.web.doors import signed_in
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import Page
from analysis_svc.web.stretches import Chosen

# From the worst to the least; what could not be judged stands apart, after them.
LEVELS = ("critical", "high", "medium", "low", "none", "undetermined")
_PAGE = 25
_HOURLY = timedelta(days=2)
_DAILY = timedelta(days=100)


class EvidencePages(Controller):
    """Kept evidence of the visitor's tenant."""

    path = paths.HOME
    include_in_schema = False
    guards = (signed_in("evidence:read"),)

    @get("/")
    async def overview(
        self,
        page: Injected[Page],
        dashboard_views: Injected[DashboardViews],
        risk_history: Injected[RiskHistory],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """Say how much was analysed, how it ended and what stands out."""
        chosen, tenant = page.chosen(), page.principal.tenant_id
        seen = await dashboard_views.overview(tenant, chosen.stretch)
        counts = {one.name: one.count for one in seen.levels}
        ordered = [(level, counts.get(level, 0)) for level in LEVELS]
        return page.show(
            "overview.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, chosen.stretch),
            seen=seen,
            levels=stacked(ordered),
            counts=dict(ordered),
            silent=[one for one in seen.detectors if one.succeeded < one.expected],
            columns=risk_columns((await _history(risk_history, tenant, chosen)).points),
            titles=_titles(await catalogues.of(tenant)),
            controls=_control_titles(await catalogues.of(tenant)),
        )

    @get("/risk")
    async def risk(
        self,
        page: Injected[Page],
        dashboard_views: Injected[DashboardViews],
        risk_history: Injected[RiskHistory],
    ) -> Response[str]:
        """Draw the risk over time."""
        chosen, tenant = page.chosen(), page.principal.tenant_id
        history = await _history(risk_history, tenant, chosen)
        return page.show(
            "risk.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, chosen.stretch),
            history=history,
            columns=risk_columns(history.points),
        )

    @get("/findings")
    async def findings(
        self,
        page: Injected[Page],
        dashboard_views: Injected[DashboardViews],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """List the labels that were found."""
        chosen, tenant = page.chosen(), page.principal.tenant_id
        labels = await dashboard_views.labels(tenant, chosen.stretch)
        return page.show(
            "findings.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, chosen.stretch),
            labels=labels,
            open_labels=OPEN_LABELS,
            most=max((one.findings for one in labels), default=1),
            titles=_titles(await catalogues.of(tenant)),
        )

    @get("/evidence")
    async def evidence(
        self,
        page: Injected[Page],
        dashboard_views: Injected[DashboardViews],
    ) -> Response[str]:
        """List records, newest first, that fit what was asked for."""
        chosen, tenant = page.chosen(), page.principal.tenant_id
        asked = {name: page.asked(name) for name in ("level", "label", "detector", "control", "request_id")}
        if asked["level"] is not None and asked["level"] not in {str(level) for level in Level}:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"'level' is one of {', '.join(LEVELS)}", field="level"
            )
        after = page.asked_id("after")
        found = await dashboard_views.evidence(
            tenant, chosen.stretch, EvidenceFilter(**asked), after=after, limit=_PAGE + 1
        )
        records = found[:_PAGE]
        return page.show(
            "evidence.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, chosen.stretch),
            records=records,
            more=chosen.query(**asked, after=str(records[-1].evidence_id)) if len(found) > _PAGE else None,
            asked=asked,
            levels=LEVELS,
            first_page=after is None,
        )

    @get("/evidence/{evidence_id:uuid}")
    async def record(
        self,
        evidence_id: FromPath[UUID],
        page: Injected[Page],
        evidence: Injected[EvidenceStore],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """Show one record with its findings."""
        tenant = page.principal.tenant_id
        record = await evidence.get(tenant, evidence_id)
        if record is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such record, or none that this key may see")
        succeeded, failed = (
            set(record.detectors_succeeded),
            {one.detector: one.status for one in record.detectors_failed},
        )
        detectors = sorted({*record.detectors_required, *succeeded, *failed})
        return page.show(
            "evidence_record.html",
            record=record,
            # Whoever failed did not look, even where it is said to have succeeded as well.
            detectors=[
                (
                    name,
                    name in record.detectors_required,
                    failed.get(name) or ("success" if name in succeeded else "absent"),
                )
                for name in detectors
            ],
            titles=_titles(await catalogues.of(tenant)),
            controls=_control_titles(await catalogues.of(tenant)),
        )


async def _history(risk_history: RiskHistory, tenant_id: UUID, chosen: Chosen) -> History:
    stretch = chosen.stretch
    length = stretch.end - stretch.start
    bucket = Bucket.HOUR if length <= _HOURLY else Bucket.DAY if length <= _DAILY else Bucket.WEEK
    return await risk_history.over(tenant_id, Span(stretch.start, stretch.end, stretch.application), bucket)


def _titles(catalogue: Catalogue) -> dict[str, str]:
    return {label.name: label.title for label in catalogue.taxonomy.labels.values()}


def _control_titles(catalogue: Catalogue) -> dict[str, str]:
    return {
        f"{framework.id} {control.id}": control.title
        for framework in catalogue.frameworks.values()
        for control in framework.controls.values()
    }
