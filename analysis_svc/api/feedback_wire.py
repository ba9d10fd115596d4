"""Feedback over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from analysis_svc.domain.insights.feedback import Feedback, GivenFeedback, ReviewState, Word

_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
# A name that a detector has for a thing: words and the signs that join them; no long number, address or
# sentence. What was examined has no place here.
_RAW_LABEL = r"^(?!.*[0-9]{5})[A-Za-z][A-Za-z0-9_.:/-]*( [A-Za-z0-9_.:/-]+){0,5}$(?!\n)"


class FeedbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says about a finding.

    ``right_label`` goes with ``relabel``. ``raw_label`` is the detector's own name for what it found, never
    text.
    """

    evidence_id: UUID
    finding_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=_CLEAN)]
    verdict: Literal["confirmed", "false_positive", "relabel"]
    right_label: Annotated[str, Meta(min_length=1, max_length=128, pattern=_CLEAN)] | None = None
    raw_label: Annotated[str, Meta(min_length=1, max_length=200, pattern=_RAW_LABEL)] | None = None


class ReviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether what was said may count and be learned from."""

    accepted: bool


class FeedbackReviewOut(msgspec.Struct, frozen=True):
    """What a second person made of it."""

    accepted: bool
    reviewed_at: datetime
    reviewed_by: str


class FeedbackOut(msgspec.Struct, frozen=True):
    """What was said, with the finding it is about as it was then."""

    id: UUID
    evidence_id: UUID
    finding_id: str
    verdict: Word
    right_label: str | None
    raw_label: str | None
    label: str
    detector: str | None
    tier: str | None
    score: float
    confidence: float
    analysed_at: datetime
    given_at: datetime
    given_by: str
    state: ReviewState
    review: FeedbackReviewOut | None


class FeedbackPage(msgspec.Struct, frozen=True):
    """Feedback, the newest first; ``next_cursor`` is null on the last page."""

    items: list[FeedbackOut]
    next_cursor: UUID | None


def given_of(body: FeedbackRequest) -> GivenFeedback:
    """Turn a checked body into the domain's feedback."""
    return GivenFeedback(
        body.evidence_id, body.finding_id, Word(body.verdict), body.right_label, body.raw_label
    )


def feedback_out(one: Feedback) -> FeedbackOut:
    """Turn feedback into its answer."""
    given, review = one.given, one.review
    return FeedbackOut(
        id=one.id,
        evidence_id=given.evidence_id,
        finding_id=given.finding_id,
        verdict=given.word,
        right_label=given.right_label,
        raw_label=given.raw_label,
        label=one.label,
        detector=one.detector,
        tier=one.tier,
        score=one.score,
        confidence=one.confidence,
        analysed_at=one.analysed_at,
        given_at=one.given_at,
        given_by=one.given_by,
        state=one.state,
        review=FeedbackReviewOut(review.accepted, review.reviewed_at, review.reviewed_by) if review else None,
    )
