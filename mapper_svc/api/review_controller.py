"""GET /api/v1/review: raw labels that no rule knows."""

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.params import QueryParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import faults
from mapper_svc.api.wire import ReviewPage
from mapper_svc.domain.access import Principal
from mapper_svc.domain.ports import ReviewQueue


class ReviewController(Controller):
    """The review queue of the caller's tenant."""

    path = "/api/v1/review"
    tags = ("review",)
    guards = (requires("review:read"),)

    @get("/", summary="Labels waiting for review", responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        review: Injected[ReviewQueue],
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> ReviewPage:
        """Answer the tenant's items, last seen first."""
        items = await review.page(principal.tenant_id, limit=limit)
        return msgspec.convert({"items": items}, ReviewPage, from_attributes=True)
