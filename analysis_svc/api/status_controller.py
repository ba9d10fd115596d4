"""GET /api/v1/frameworks/{id}/status: what the evidence of a period says about each control."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Controller, get
from litestar.params import PathParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.period_query import Application, From, To, moment
from analysis_svc.api.problems import faults
from analysis_svc.api.status_wire import StatusOut, status_out
from analysis_svc.domain.access import Principal
from analysis_svc.domain.assess_controls import AssessControls, period_of
from analysis_svc.domain.errors import ErrorCode


class StatusController(Controller):
    """The status of the caller's tenant."""

    path = "/api/v1/frameworks"
    tags = ("frameworks",)
    guards = (requires("evidence:read"),)

    @get("/{framework:str}/status", summary="Status of its controls", responses=faults(ErrorCode.NOT_FOUND))
    async def status(
        self,
        framework: Annotated[str, PathParameter(max_length=128)],
        principal: Injected[Principal],
        assess_controls: Injected[AssessControls],
        start: From = None,
        end: To = None,
        application: Application = None,
    ) -> StatusOut:
        """Answer satisfied, violated or insufficient for each control, with every gap by name.

        Satisfied takes a declared rule and evidence that meets all of it; that nothing was found is not
        enough, and an analysis in which a detector failed does not count as one that it looked at.
        """
        period = period_of(moment(start, "from"), moment(end, "to"), application, now=datetime.now(UTC))
        return status_out(await assess_controls.status(principal.tenant_id, framework, period))
