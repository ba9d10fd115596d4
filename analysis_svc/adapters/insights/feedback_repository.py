"""Feedback in Postgres: what was said stays as it was said, and so does its review."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.tables import feedback, feedback_reviews
from analysis_svc.domain.insights.feedback import Feedback, GivenFeedback, Review, ReviewState, Word

ALL = select(
    feedback,
    feedback_reviews.c.accepted,
    feedback_reviews.c.reviewed_at,
    feedback_reviews.c.reviewed_by,
).select_from(
    feedback.outerjoin(
        feedback_reviews,
        (feedback_reviews.c.tenant_id == feedback.c.tenant_id)
        & (feedback_reviews.c.feedback_id == feedback.c.id),
    )
)


class FeedbackRepository:
    """Implements FeedbackStore; one transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, tenant_id: UUID, one: Feedback) -> Feedback:
        """Keep it with its audit event; said again by the same token, return what was kept the first time."""
        given = one.given
        same = ALL.where(
            feedback.c.evidence_id == given.evidence_id,
            feedback.c.finding_id == given.finding_id,
            feedback.c.given_by == one.given_by,
        ).order_by(feedback.c.given_at.desc(), feedback.c.id.desc())
        async with self._database.tenant(tenant_id) as connection:
            last = (await connection.execute(same.limit(1))).one_or_none()
            if last is not None and feedback_of(last).given == given:
                return feedback_of(last)
            await connection.execute(insert(feedback).values(**_row(tenant_id, one)))
            detail: dict[str, object] = {"word": given.word.value, "evidence_id": str(given.evidence_id)}
            await _note(connection, tenant_id, one.given_by, "feedback.given", one.id, detail)
        return one

    async def get(self, tenant_id: UUID, feedback_id: UUID) -> Feedback | None:
        """Return one."""
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(ALL.where(feedback.c.id == feedback_id))).one_or_none()
        return None if row is None else feedback_of(row)

    async def page(
        self, tenant_id: UUID, *, state: ReviewState | None, after: UUID | None, limit: int
    ) -> Sequence[Feedback]:
        """Return feedback newest first, behind the one of that id."""
        query = _in_state(ALL, state)
        if after is not None:
            last = feedback.alias("last")
            query = query.where(
                tuple_(feedback.c.given_at, feedback.c.id)
                < select(last.c.given_at, last.c.id).where(last.c.id == after).scalar_subquery()
            )
        query = query.order_by(feedback.c.given_at.desc(), feedback.c.id.desc()).limit(limit)
        async with self._database.tenant(tenant_id) as connection:
            return [feedback_of(row) for row in await connection.execute(query)]

    async def review(self, tenant_id: UUID, feedback_id: UUID, review: Review) -> bool:
        """Keep a review with its audit event; False when there is one already."""
        row = {
            "tenant_id": tenant_id,
            "feedback_id": feedback_id,
            "accepted": review.accepted,
            "reviewed_at": review.reviewed_at,
            "reviewed_by": review.reviewed_by,
        }
        kept = insert_once(feedback_reviews).values(**row).on_conflict_do_nothing()
        async with self._database.tenant(tenant_id) as connection:
            done = await connection.execute(kept.returning(feedback_reviews.c.feedback_id))
            if done.one_or_none() is None:
                return False
            accepted: dict[str, object] = {"accepted": review.accepted}
            await _note(connection, tenant_id, review.reviewed_by, "feedback.reviewed", feedback_id, accepted)
        return True


async def _note(
    connection: AsyncConnection,
    tenant_id: UUID,
    actor: str,
    action: str,
    subject: UUID,
    detail: dict[str, object],
) -> None:
    await append_event(
        connection, tenant_id=tenant_id, actor=actor, action=action, subject=str(subject), detail=detail
    )


def _in_state(query: Select[Any], state: ReviewState | None) -> Select[Any]:
    if state is None:
        return query
    if state is ReviewState.PENDING:
        return query.where(feedback_reviews.c.accepted.is_(None))
    return query.where(feedback_reviews.c.accepted.is_(state is ReviewState.ACCEPTED))


def _row(tenant_id: UUID, one: Feedback) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "id": one.id,
        "evidence_id": one.given.evidence_id,
        "finding_id": one.given.finding_id,
        "verdict": one.given.word.value,
        "label": one.label,
        "right_label": one.given.right_label,
        "raw_label": one.given.raw_label,
        "detector": one.detector,
        "tier": one.tier,
        "score": one.score,
        "confidence": one.confidence,
        "analysed_at": one.analysed_at,
        "given_at": one.given_at,
        "given_by": one.given_by,
    }


def feedback_of(row: Row[Any]) -> Feedback:
    """Read one, with its review where it has one."""
    return Feedback(
        id=row.id,
        given=GivenFeedback(
            row.evidence_id, row.finding_id, Word(row.verdict), row.right_label, row.raw_label
        ),
        label=row.label,
        detector=row.detector,
        tier=row.tier,
        score=row.score,
        confidence=row.confidence,
        analysed_at=row.analysed_at,
        given_at=row.given_at,
        given_by=row.given_by,
        review=None if row.accepted is None else Review(row.accepted, row.reviewed_at, row.reviewed_by),
    )
