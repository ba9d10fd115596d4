"""What people say about findings: right, a false alarm, or another label; and what may be learned from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Taxonomy
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.ports import EvidenceStore


class Word(StrEnum):
    """What somebody says about a finding."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false_positive"
    RELABEL = "relabel"
    """Something is there, but it is what `right_label` names."""


class ReviewState(StrEnum):
    """How far a second person has looked at it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class GivenFeedback:
    """What a caller says.

    Attributes:
        evidence_id: of the analysis.
        finding_id: of the finding in it.
        word: what it is said to be.
        right_label: with `relabel` the label that it should have.
        raw_label: the detector's own name for what it found, if the caller knows it; never text.
    """

    evidence_id: UUID
    finding_id: str
    word: Word
    right_label: str | None = None
    raw_label: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """What a second person made of it."""

    accepted: bool
    reviewed_at: datetime
    reviewed_by: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said, with a copy of the finding it is about.

    Attributes:
        id: names it in the tenant.
        given: what was said.
        label: canonical label of the finding.
        detector: that found it.
        tier: that mapped it.
        score: of the finding.
        confidence: of the finding.
        analysed_at: when it was found.
        given_at: when it was said.
        given_by: token id of who said it.
        review: None while nobody else has looked at it.
    """

    id: UUID
    given: GivenFeedback
    label: str
    detector: str | None
    tier: str | None
    score: float
    confidence: float
    analysed_at: datetime
    given_at: datetime
    given_by: str
    review: Review | None = None

    @property
    def state(self) -> ReviewState:
        """How far it has been looked at."""
        if self.review is None:
            return ReviewState.PENDING
        return ReviewState.ACCEPTED if self.review.accepted else ReviewState.REJECTED


class FeedbackStore(Protocol):
    """Keeps feedback. Each call raises StorageUnavailableError."""

    async def add(self, tenant_id: UUID, feedback: Feedback) -> Feedback:
        """Keep it with its audit event; said again by the same token, return what was kept the first time."""
        ...

    async def get(self, tenant_id: UUID, feedback_id: UUID) -> Feedback | None:
        """Return one."""
        ...

    async def page(
        self, tenant_id: UUID, *, state: ReviewState | None, after: UUID | None, limit: int
    ) -> Sequence[Feedback]:
        """Return feedback newest first, behind the one of that id."""
        ...

    async def review(self, tenant_id: UUID, feedback_id: UUID, review: Review) -> bool:
        """Keep a review with its audit event; False when there is one already."""
        ...


class FeedbackOnFindings:
    """Takes feedback, and has it looked at by a second person.

    Args:
        store: keeps it.
        evidence: where findings are looked up.
        taxonomy: whose labels can be named.
        now: the clock.
    """

    def __init__(
        self,
        store: FeedbackStore,
        evidence: EvidenceStore,
        taxonomy: Taxonomy,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._evidence = evidence
        self._taxonomy = taxonomy
        self._now = now

    async def give(self, caller: Principal, given: GivenFeedback) -> Feedback:
        """Keep what a caller says about a finding.

        Raises:
            ServiceError: INVALID_REQUEST naming the field; NOT_FOUND for a finding that is not there.
        """
        record = await self._evidence.get(caller.tenant_id, given.evidence_id)
        if record is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such evidence", field="evidence_id")
        finding = next((one for one in record.findings if one.finding_id == given.finding_id), None)
        if finding is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "the evidence has no such finding", field="finding_id")
        self._check_label(given, finding.label)
        return await self._store.add(
            caller.tenant_id,
            Feedback(
                id=uuid4(),
                given=given,
                label=finding.label,
                detector=finding.detector,
                tier=finding.tier,
                score=finding.score,
                confidence=finding.confidence,
                analysed_at=record.analysed_at,
                given_at=self._now(),
                given_by=caller.token_id,
            ),
        )

    async def page(
        self, tenant_id: UUID, *, state: ReviewState | None, after: UUID | None, limit: int
    ) -> Sequence[Feedback]:
        """Return feedback newest first."""
        return await self._store.page(tenant_id, state=state, after=after, limit=limit)

    async def review(self, caller: Principal, feedback_id: UUID, *, accepted: bool) -> Feedback:
        """Accept or reject what somebody else said. Only what was accepted may be learned from.

        Raises:
            ServiceError: NOT_FOUND; INSUFFICIENT_RBAC for one's own word; CONFLICT when it has a review.
        """
        feedback = await self._store.get(caller.tenant_id, feedback_id)
        if feedback is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such feedback", field="feedback_id")
        if feedback.given_by == caller.token_id:
            raise ServiceError(
                ErrorCode.INSUFFICIENT_RBAC, "feedback is reviewed with another key than it was given with"
            )
        review = Review(accepted, self._now(), caller.token_id)
        if feedback.review or not await self._store.review(caller.tenant_id, feedback_id, review):
            raise ServiceError(ErrorCode.CONFLICT, "the feedback has a review already", field="feedback_id")
        found = await self._store.get(caller.tenant_id, feedback_id)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such feedback", field="feedback_id")
        return found

    def _check_label(self, given: GivenFeedback, label: str) -> None:
        if given.word is not Word.RELABEL:
            if given.right_label is not None:
                raise _refused("right_label", "is given with the word 'relabel' only")
            return
        if given.right_label is None:
            raise _refused("right_label", "is needed with the word 'relabel'")
        if given.right_label not in self._taxonomy.labels:
            raise _refused("right_label", f"there is no such label in taxonomy {self._taxonomy.edition}")
        if given.right_label == label:
            raise _refused("right_label", "is the label that the finding has")


def _refused(field: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=field)
