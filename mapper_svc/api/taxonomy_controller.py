"""GET /api/v1/taxonomy: the labels that findings are told in."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import PathParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import faults
from mapper_svc.api.wire import LabelOut, TaxonomyOut, TaxonomyVersionsOut
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.taxonomy import Label, Taxonomy


class TaxonomyController(Controller):
    """The canonical taxonomy."""

    path = "/api/v1/taxonomy"
    tags = ("taxonomy",)
    guards = (requires("taxonomy:read"),)

    @get("/", summary="The edition in use", responses=faults())
    async def edition(self, taxonomy: Injected[Taxonomy]) -> TaxonomyOut:
        """Answer every label of the edition in use."""
        return TaxonomyOut(
            taxonomy.edition, taxonomy.content_hash, [_out(label) for label in taxonomy.labels.values()]
        )

    @get("/versions", summary="The editions known", responses=faults())
    async def versions(
        self, taxonomy: Injected[Taxonomy], editions: Injected[tuple[str, ...]]
    ) -> TaxonomyVersionsOut:
        """Answer the edition in use and all that this service carries."""
        return TaxonomyVersionsOut(taxonomy.edition, list(editions))

    @get("/labels/{name:str}", summary="One label", responses=faults(ErrorCode.NOT_FOUND))
    async def label(
        self,
        name: Annotated[str, PathParameter(max_length=128, description="canonical name or an alias of it")],
        taxonomy: Injected[Taxonomy],
    ) -> LabelOut:
        """Answer the label of that name or alias."""
        label = taxonomy.find(name)
        if label is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "the edition has no such label", field="name")
        return _out(label)


def _out(label: Label) -> LabelOut:
    return LabelOut(label.name, label.pillar, label.means, label.severity)
