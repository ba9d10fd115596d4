"""GET /api/v1/frameworks: what findings are tied to."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import PathParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.wire import ControlOut, FrameworkList, FrameworkOut
from analysis_svc.domain.catalogue import Catalogue, Framework
from analysis_svc.domain.errors import ErrorCode, ServiceError


class FrameworksController(Controller):
    """The framework catalogues."""

    path = "/api/v1/frameworks"
    tags = ("frameworks",)
    guards = (requires("frameworks:read"),)

    @get("/", summary="List frameworks", responses=faults())
    async def list_frameworks(self, catalogue: Injected[Catalogue]) -> FrameworkList:
        """Answer every framework with its controls."""
        return FrameworkList([_out(one) for one in catalogue.frameworks.values()])

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
        return _out(found)


def _out(framework: Framework) -> FrameworkOut:
    return FrameworkOut(
        id=framework.id,
        title=framework.title,
        edition=framework.edition,
        controls=[ControlOut(one.id, one.title, one.statement) for one in framework.controls.values()],
    )
