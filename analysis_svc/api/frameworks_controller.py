"""GET /api/v1/frameworks: what findings are tied to."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import PathParameter, QueryParameter

from analysis_svc.api.frameworks_wire import (
    CrosswalkOut,
    FrameworkList,
    FrameworkOut,
    crosswalk_out,
    framework_out,
)
from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.crosswalk import crosswalk
from analysis_svc.domain.errors import ErrorCode, ServiceError


class FrameworksController(Controller):
    """The framework catalogues."""

    path = "/api/v1/frameworks"
    tags = ("frameworks",)
    guards = (requires("frameworks:read"),)

    @get("/", summary="List frameworks", responses=faults())
    async def list_frameworks(self, catalogue: Injected[Catalogue]) -> FrameworkList:
        """Answer every framework with its controls."""
        return FrameworkList([framework_out(one) for one in catalogue.frameworks.values()])

    @get("/{framework:str}", summary="One framework", responses=faults(ErrorCode.NOT_FOUND))
    async def one(
        self,
        framework: Annotated[str, PathParameter(max_length=128)],
        catalogue: Injected[Catalogue],
    ) -> FrameworkOut:
        """Answer the framework of that id."""
        found = catalogue.frameworks.get(framework)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no framework of this id", field="framework")
        return framework_out(found)

    @get(
        "/{framework:str}/crosswalk",
        summary="What it shares with others",
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def crosswalk(
        self,
        framework: Annotated[str, PathParameter(max_length=128)],
        catalogue: Injected[Catalogue],
        to: Annotated[
            str | None, QueryParameter(max_length=128, description="only ties to this framework")
        ] = None,
    ) -> CrosswalkOut:
        """Answer what each control has in common with controls of other frameworks, and why."""
        return crosswalk_out(catalogue, framework, crosswalk(catalogue, framework, to))
