"""/api/v1/feedback: what people say about findings."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, QueryParameter

from analysis_svc.api.feedback_wire import (
    FeedbackOut,
    FeedbackPage,
    FeedbackRequest,
    ReviewRequest,
    feedback_out,
    given_of,
)
from analysis_svc.api.guards import requires
from analysis_svc.api.idempotent import AnsweredOnce, IdempotencyKey
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode
from analysis_svc.domain.insights.feedback import FeedbackOnFindings, ReviewState

_EXAMPLE = {
    "evidence_id": "5f0c0b7e-6d0f-4c3a-9a53-0d6f7f0a2b11",
    "finding_id": "f1",
    "verdict": "relabel",
    "right_label": "SECRET.ApiKey",
}


class FeedbackController(Controller):
    """Feedback of the caller's tenant."""

    path = "/api/v1/feedback"
    tags = ("quality",)

    @post(
        "/",
        status_code=201,
        summary="Say what a finding is",
        guards=[requires("feedback:write")],
        responses=faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def give(
        self,
        data: Annotated[FeedbackRequest, Body(examples=[Example(id="relabel", value=_EXAMPLE)])],
        principal: Injected[Principal],
        feedback: Injected[FeedbackOnFindings],
        request: Request[Any, Any, Any],
        answered_once: Injected[AnsweredOnce],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[FeedbackOut]:
        """Keep that a finding is right, a false positive, or should have another label.

        The same said again with the same key is kept once; the last word of a key on a finding counts.
        Nothing is learned from it before somebody with another key has accepted it.
        """

        async def give(_: UUID) -> Response[FeedbackOut]:
            return Response(feedback_out(await feedback.give(principal, given_of(data))), status_code=201)

        return await answered_once(request, idempotency_key, give)

    @get("/", summary="List feedback", guards=[requires("insights:read")], responses=faults())
    async def page(
        self,
        principal: Injected[Principal],
        feedback: Injected[FeedbackOnFindings],
        review_state: Annotated[
            ReviewState | None, QueryParameter(name="state", description="only what is in this state")
        ] = None,
        cursor: Annotated[
            UUID | None, QueryParameter(description="next_cursor of the page before this one")
        ] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    ) -> FeedbackPage:
        """Answer feedback, the newest first; pending is what nobody has reviewed."""
        found = await feedback.page(principal.tenant_id, state=review_state, after=cursor, limit=limit + 1)
        items = [feedback_out(one) for one in found[:limit]]
        return FeedbackPage(items, next_cursor=items[-1].id if len(found) > limit else None)

    @post(
        "/{feedback_id:uuid}/review",
        status_code=200,
        summary="Accept or reject feedback",
        guards=[requires("feedback:review")],
        responses=faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def review(
        self,
        feedback_id: FromPath[UUID],
        data: Annotated[ReviewRequest, Body(examples=[Example(id="accept", value={"accepted": True})])],
        principal: Injected[Principal],
        feedback: Injected[FeedbackOnFindings],
    ) -> FeedbackOut:
        """Decide once whether it counts; with another key than it was given with."""
        return feedback_out(await feedback.review(principal, feedback_id, accepted=data.accepted))
