"""/api/v1/review: raw labels that no rule knows, and what people decide on them."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import BODY, faults
from mapper_svc.api.review_cursor import PATTERN, cursor_behind, read_cursor
from mapper_svc.api.review_wire import (
    DecisionOut,
    DecisionRequest,
    DecisionReviewRequest,
    ReviewPage,
    decision_out,
    item_out,
    ruling_of,
)
from mapper_svc.domain.access import Principal
from mapper_svc.domain.decide_labels import DecideLabels
from mapper_svc.domain.errors import ErrorCode
from mapper_svc.domain.ports import ReviewQueue
from mapper_svc.domain.review_decisions import DecisionState

_DECIDING = faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)


class ReviewController(Controller):
    """The review queue of the caller's tenant."""

    path = "/api/v1/review"
    tags = ("review",)

    @get("/", summary="Labels waiting for review", guards=[requires("review:read")], responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        review: Injected[ReviewQueue],
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
        cursor: Annotated[
            str | None, QueryParameter(pattern=PATTERN, description="next_cursor of the page before this one")
        ] = None,
        decision_state: Annotated[
            DecisionState | None,
            QueryParameter(name="state", description="only those whose newest decision is in this state"),
        ] = None,
    ) -> ReviewPage:
        """Answer the tenant's items, last seen first. One seen again while you page moves to the front."""
        after = None if cursor is None else read_cursor(cursor)
        found = await review.page(principal.tenant_id, limit=limit + 1, after=after, state=decision_state)
        items = found[:limit]
        next_cursor = cursor_behind(items[-1]) if len(found) > limit else None
        return ReviewPage([item_out(one) for one in items], next_cursor)

    @post(
        "/{item_id:uuid}/decisions",
        status_code=201,
        summary="Say what a label means",
        guards=[requires("feedback:write")],
        responses=_DECIDING,
    )
    async def decide(
        self,
        item_id: FromPath[UUID],
        data: Annotated[
            DecisionRequest,
            Body(
                examples=[
                    Example(id="label", value={"verdict": "label", "right_label": "PII.Health.Identifier"}),
                    Example(id="none", summary="no label", value={"verdict": "not_a_label"}),
                ]
            ),
        ],
        principal: Injected[Principal],
        decide_labels: Injected[DecideLabels],
    ) -> DecisionOut:
        """Keep a decision; the same said again with the same key is kept once.

        It changes no answer. Nothing is learned from it before somebody with another key has accepted it, and
        then only if the tenant's setting `feedback_for_training` says so.
        """
        return decision_out(await decide_labels.decide(principal, item_id, ruling_of(data)))

    @post(
        "/{item_id:uuid}/decisions/{number:int}/review",
        status_code=200,
        summary="Accept or reject a decision",
        guards=[requires("feedback:review")],
        responses=_DECIDING,
    )
    async def review_decision(
        self,
        item_id: FromPath[UUID],
        number: FromPath[int],
        data: Annotated[
            DecisionReviewRequest, Body(examples=[Example(id="accept", value={"accepted": True})])
        ],
        principal: Injected[Principal],
        decide_labels: Injected[DecideLabels],
    ) -> DecisionOut:
        """Say once whether the newest decision may be learned from; with another key than it was made with.

        The decision that was accepted last counts, so an accepted one stands until a later one is accepted.
        """
        reviewed = await decide_labels.review(principal, item_id, number, accepted=data.accepted)
        return decision_out(reviewed)
