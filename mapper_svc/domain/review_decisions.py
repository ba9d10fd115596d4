"""What a person says that a label in review means, and whether a second one agrees."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

DECISIONS_MAX = 20
"""Most decisions on one label in review: who changes their mind more often decides nothing."""


class Verdict(StrEnum):
    """What a label in review is said to be.

    Members:
        LABEL: a name for what `right_label` means.
        NOT_A_LABEL: no name for anything, such as text that a detector put in its place.
    """

    LABEL = "label"
    NOT_A_LABEL = "not_a_label"


class DecisionState(StrEnum):
    """How far a label in review has come, by its newest decision."""

    UNDECIDED = "undecided"
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decides.

    Attributes:
        verdict: what the label is said to be.
        right_label: the canonical label that it means; None when it is none.
        lang: ISO 639-1 code of its words, or `zxx` where it has none.
    """

    verdict: Verdict
    right_label: str | None
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class DecisionReview:
    """What a second person made of a decision."""

    accepted: bool
    reviewed_at: datetime
    reviewed_by: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on a label in review; it is never changed, a change of mind is a new one.

    Attributes:
        decision_id: names it in the tenant.
        item_id: the label in review.
        number: counts the decisions on that label, from 1.
        ruling: what was decided.
        taxonomy: edition that the label is of.
        decided_at: when, UTC.
        decided_by: token id of who decided.
        review: None while nobody else has looked at it.
    """

    decision_id: UUID
    item_id: UUID
    number: int
    ruling: Ruling
    taxonomy: str
    decided_at: datetime
    decided_by: str
    review: DecisionReview | None = None

    @property
    def state(self) -> DecisionState:
        """How far it has come."""
        if self.review is None:
            return DecisionState.PENDING
        return DecisionState.ACCEPTED if self.review.accepted else DecisionState.REJECTED


@dataclass(frozen=True, slots=True)
class DecidedSoFar:
    """What is known of a label in review: that it is there, and its newest decision."""

    newest: Decision | None


class DecisionStore(Protocol):
    """Keeps decisions. Each call raises StorageUnavailableError."""

    async def so_far(self, tenant_id: UUID, item_id: UUID) -> DecidedSoFar | None:
        """Return what was decided on a label in review; None when the tenant has no such label."""
        ...

    async def add(
        self, tenant_id: UUID, item_id: UUID, ruling: Ruling, *, number: int, taxonomy: str, actor: str
    ) -> Decision | None:
        """Keep a decision with its audit event; None when there is one of that number already."""
        ...

    async def review(
        self, tenant_id: UUID, decision: Decision, *, accepted: bool, actor: str
    ) -> Decision | None:
        """Keep a review with its audit event; None when there is one, or a newer decision, already."""
        ...
