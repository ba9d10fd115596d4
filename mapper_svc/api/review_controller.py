"""GET /api/v1/review: raw labels that no rule knows."""

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.params import QueryParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import faults
from mapper_svc.api.review_cursor import PATTERN, cursor_behind, read_cursor
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
        cursor: Annotated[
            str | None, QueryParameter(pattern=PATTERN, description="next_cursor of the page before this one")
        ] = None,
    ) -> ReviewPage:
        """Answer the tenant's items, last seen first. One seen again while you page moves to the front."""
        after = None if cursor is None else read_cursor(cursor)
        found = await review.page(principal.tenant_id, limit=limit + 1, after=after)
        items = found[:limit]
        next_cursor = cursor_behind(items[-1]) if len(found) > limit else None
        return msgspec.convert({"items": items, "next_cursor": next_cursor}, ReviewPage, from_attributes=True)
