"""GET /api/v1/quality: how good the findings are."""

from datetime import UTC, datetime

from litestar import Controller, get

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.quality_wire import QualityOut, quality_out
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.insights.quality import Quality
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
