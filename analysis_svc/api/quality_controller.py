"""GET /api/v1/quality: how good the findings are."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Controller, get
from litestar.params import QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.quality_wire import QualityEvaluationPage, QualityOut, evaluation_out, quality_out
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.insights.quality import EvaluationStore, Quality
from analysis_svc.domain.insights.span import span_of


class QualityController(Controller):
    """Quality of the caller's findings."""

    path = "/api/v1/quality"
    tags = ("quality",)
    guards = (requires("insights:read"),)

    @get("/", summary="Agreement, calibration, drift and alerts", responses=faults())
    async def of(
        self,
        principal: Injected[Principal],
        quality: Injected[Quality],
        since: Since = None,
        until: Until = None,
        application: Application = None,
    ) -> QualityOut:
        """Answer the quality over a span, its drift against the span of the same length before it."""
        span = span_of(since, until, application, now=datetime.now(UTC))
        return quality_out(await quality.of(principal.tenant_id, span))

    @get("/evaluations", summary="What the weekly evaluation found", responses=faults())
    async def evaluations(
        self,
        principal: Injected[Principal],
        quality_evaluations: Injected[EvaluationStore],
        before: Annotated[
            datetime | None, QueryParameter(description="of weeks that ended before, with offset")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 52,
    ) -> QualityEvaluationPage:
        """Answer evaluations, the newest first, with the alerts that each gave."""
        if before is not None:
            before = span_of(None, before, None, now=datetime.now(UTC)).end
        found = await quality_evaluations.page(principal.tenant_id, before=before, limit=limit + 1)
        items = [evaluation_out(one) for one in found[:limit]]
        more = len(found) > limit
        return QualityEvaluationPage(items, before=found[limit - 1].report.span.end if more else None)
