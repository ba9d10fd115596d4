"""Frameworks: the state of each control, and over time the findings that bear on it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from litestar import Controller, Response, get

from analysis_svc.domain.assess_controls import AssessControls
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.control_status import ControlStatus
from analysis_svc.domain.dashboard_views import DashboardViews, LabelSlice, Stretch
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.models import EvidenceState
from analysis_svc.web import paths
from analysis_svc.web.charts import heat, stacked
from analysis_svc.web.doors import signed_in
from analysis_svc.web.injected import Injected
from analysis_svc.web.page import A_PERSON_WAITS_S, Page

STATES = (EvidenceState.VIOLATED, EvidenceState.INSUFFICIENT, EvidenceState.SATISFIED)
# A rule asks for thirty days at least, so that a shorter period can never show a control satisfied.
_USUAL = "30d"


@dataclass(frozen=True, slots=True)
class Cell:
    """Findings that bear on a control in one slice of time.

    Attributes:
        start: of the slice.
        findings: how many.
        shade: 0 for none, 1 to 5 by its share of the highest of the page.
        looked: whether anything was analysed at all; if not, none is no news.
    """

    start: datetime
    findings: int
    shade: int
    looked: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One control."""

    status: ControlStatus
    cells: Sequence[Cell]


class FrameworkPages(Controller):
    """What the evidence of the visitor's tenant says about controls."""

    path = f"{paths.HOME}/frameworks"
    include_in_schema = False
    guards = (signed_in("evidence:read"),)

    @get("/")
    async def heat_map(
        self,
        page: Injected[Page],
        dashboard_views: Injected[DashboardViews],
        assess_controls: Injected[AssessControls],
        catalogues: Injected[Catalogues],
    ) -> Response[str]:
        """Show one framework, the tenant's own included; the first where the address names none."""
        chosen, tenant = page.chosen(_USUAL), page.principal.tenant_id
        catalogue = await catalogues.of(tenant, within_s=A_PERSON_WAITS_S)
        framework = page.asked("framework") or next(iter(catalogue.frameworks))
        if framework not in catalogue.frameworks:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no framework of this id")
        start, end = chosen.so_far
        status = await assess_controls.status(
            tenant, framework, Period(start, end, chosen.stretch.application)
        )
        seen = await dashboard_views.labels_over_time(tenant, chosen.stretch)
        looked = await dashboard_views.analyses_over_time(tenant, chosen.stretch)
        return page.show(
            "frameworks.html",
            chosen=chosen,
            applications=await dashboard_views.applications(tenant, chosen.stretch),
            frameworks=list(catalogue.frameworks.values()),
            status=status,
            counts=[(state.value, status.count(state)) for state in STATES],
            states=stacked([(state.value, status.count(state)) for state in STATES]),
            rows=_rows(status.controls, _bearing(catalogue, framework), seen, chosen.stretch, looked),
        )


def _bearing(catalogue: Catalogue, framework: str) -> Mapping[str, Sequence[str]]:
    """Return the controls of a framework that each label bears on."""
    return {
        label: [link.control.id for link in links if link.control.framework == framework]
        for label, links in catalogue.links.items()
    }


def _rows(
    controls: Sequence[ControlStatus],
    bearing: Mapping[str, Sequence[str]],
    seen: Sequence[LabelSlice],
    stretch: Stretch,
    looked: Mapping[datetime, int],
) -> list[Row]:
    counts: dict[tuple[str, datetime], int] = defaultdict(int)
    for one in seen:
        for control in bearing.get(one.label, ()):
            counts[control, one.start] += one.findings
    most = max(counts.values(), default=1)
    starts = stretch.slices

    def cell(control: str, start: datetime) -> Cell:
        count = counts.get((control, start), 0)
        return Cell(start, count, heat(count, most), start in looked)

    return [Row(one, [cell(one.control.id, start) for start in starts]) for one in controls]
