"""The review queue over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from mapper_svc.domain.ports import ReviewItem
from mapper_svc.domain.review_decisions import Decision, DecisionState, Ruling, Verdict

_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"


class DecisionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a label in review means.

    ``right_label`` goes with ``label``. ``lang`` is the ISO 639-1 code of the label's words, ``zxx`` for a
    label without words.
    """

    verdict: Literal["label", "not_a_label"]
    right_label: Annotated[str, Meta(min_length=1, max_length=128, pattern=_CLEAN)] | None = None
    lang: Annotated[str, Meta(pattern=r"^([a-z]{2}|zxx)$(?!\n)")] = "en"


class DecisionReviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the decision may be learned from."""

    accepted: bool


class DecisionReviewOut(msgspec.Struct, frozen=True):
    """What a second person made of it."""

    accepted: bool
    reviewed_at: datetime
    reviewed_by: str


class DecisionOut(msgspec.Struct, frozen=True):
    """A decision on a label in review; ``taxonomy`` is the edition of its label."""

    item_id: UUID
    number: int
    verdict: Verdict
    right_label: str | None
    lang: str
    taxonomy: str
    decided_at: datetime
    decided_by: str
    state: DecisionState
    review: DecisionReviewOut | None


class ReviewItemOut(msgspec.Struct, frozen=True):
    """A raw label that maps to nothing, waiting for a person; ``decision`` is the newest on it."""

    item_id: UUID
    vendor: str
    raw_label: str
    guesses: list[str]
    occurrences: int
    first_seen: datetime
    last_seen: datetime
    decision: DecisionOut | None


class ReviewPage(msgspec.Struct, frozen=True):
    """Items of the caller's tenant, last seen first; ``next_cursor`` is null on the last page."""

    items: list[ReviewItemOut]
    next_cursor: str | None


def ruling_of(body: DecisionRequest) -> Ruling:
    """Turn a checked body into the domain's ruling."""
    return Ruling(Verdict(body.verdict), body.right_label, body.lang)


def decision_out(one: Decision) -> DecisionOut:
    """Turn a decision into its answer."""
    review = one.review
    return DecisionOut(
        item_id=one.item_id,
        number=one.number,
        verdict=one.ruling.verdict,
        right_label=one.ruling.right_label,
        lang=one.ruling.lang,
        taxonomy=one.taxonomy,
        decided_at=one.decided_at,
        decided_by=one.decided_by,
        state=one.state,
        review=DecisionReviewOut(review.accepted, review.reviewed_at, review.reviewed_by) if review else None,
    )


def item_out(one: ReviewItem) -> ReviewItemOut:
    """Turn a label in review into its answer."""
    return ReviewItemOut(
        item_id=one.item_id,
        vendor=one.vendor,
        raw_label=one.raw_label,
        guesses=list(one.guesses),
        occurrences=one.occurrences,
        first_seen=one.first_seen,
        last_seen=one.last_seen,
        decision=decision_out(one.decision) if one.decision else None,
    )
