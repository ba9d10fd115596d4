"""GET /api/v1/patterns: what the stored events show over time."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from litestar import Controller, get
from litestar.params import FromQuery, QueryParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.patterns_wire import PatternsOut, patterns_out
from analysis_svc.api.problems import faults
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.insights.pattern_models import Subject, SubjectKind
from analysis_svc.domain.insights.patterns_over_time import MOST_DAYS, PatternsOverTime
from analysis_svc.domain.insights.span import Bucket, span_of


class PatternsController(Controller):
    """Patterns in the evidence of the caller's tenant."""

    path = "/api/v1/patterns"
    tags = ("insights",)
    guards = (requires("insights:read"),)

    @get("/", summary="Patterns over time", responses=faults())
    async def find(
        self,
        principal: Injected[Principal],
        patterns_over_time: Injected[PatternsOverTime],
        catalogue: Injected[Catalogue],
        since: Since = None,
        until: Until = None,
        application: Application = None,
        bucket: FromQuery[Literal["hour", "day"]] = "day",
        label: Annotated[
            str | None, QueryParameter(min_length=1, max_length=128, description="only this label")
        ] = None,
    ) -> PatternsOut:
        """Answer trends, seasons, change points, anomalies, bursts, correlations and recurring company.

        Each has its statistical support and the evidence that shows it. What there is too little data for is
        listed as such. 190 days at most by day, 14 by hour.
        """
        if label is not None and label not in catalogue.taxonomy.labels:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "there is no such label in the taxonomy in use", field="label"
            )
        divided = Bucket(bucket)
        span = span_of(since, until, application, now=datetime.now(UTC), most_days=MOST_DAYS[divided])
        only = None if label is None else Subject(SubjectKind.LABEL, label)
        return patterns_out(await patterns_over_time.find(principal.tenant_id, span, divided, only))
