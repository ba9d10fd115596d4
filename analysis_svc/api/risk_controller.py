"""GET /api/v1/risk/history: how the risk went."""

from datetime import UTC, datetime

from litestar import Controller, get
from litestar.params import FromQuery

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.risk_wire import RiskHistoryOut, history_out
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.insights.risk_history import RiskHistory
from analysis_svc.domain.insights.span import Bucket, span_of


class RiskController(Controller):
    """Risk of the caller's tenant over time."""

    path = "/api/v1/risk"
    tags = ("insights",)
    guards = (requires("insights:read"),)

    @get("/history", summary="Risk over time", responses=faults())
    async def history(
        self,
        principal: Injected[Principal],
        risk_history: Injected[RiskHistory],
        since: Since = None,
        until: Until = None,
        application: Application = None,
        bucket: FromQuery[Bucket] = Bucket.DAY,
    ) -> RiskHistoryOut:
        """Answer every hour (31 days at most), day or week (400 days), the whole, and each application.

        A bucket in which nothing was analysed has no score.
        """
        span = span_of(since, until, application, now=datetime.now(UTC), most_days=bucket.most_days)
        return history_out(await risk_history.over(principal.tenant_id, span, bucket))
