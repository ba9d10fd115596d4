"""Decisions on labels in review, in Postgres: what was said stays as it was said, and so does its review."""

from dataclasses import replace
from datetime import UTC
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from mapper_svc.adapters.audit_repository import append_event
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.newest_decision import decision_of, with_newest_decision
from mapper_svc.adapters.tables import review_decision_reviews, review_decisions, review_items
from mapper_svc.domain.review_decisions import DecidedSoFar, Decision, DecisionReview, Ruling


class DecisionRepository:
    """Implements DecisionStore; one transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def so_far(self, tenant_id: UUID, item_id: UUID) -> DecidedSoFar | None:
        """Return what was decided on a label in review; None when the tenant has no such label."""
        query = with_newest_decision().where(review_items.c.id == item_id)
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else DecidedSoFar(decision_of(row))

    async def add(
        self, tenant_id: UUID, item_id: UUID, ruling: Ruling, *, number: int, taxonomy: str, actor: str
    ) -> Decision | None:
        """Keep a decision with its audit event; None when there is one of that number already."""
        said: dict[str, object] = {
            "number": number,
            "verdict": ruling.verdict.value,
            "right_label": ruling.right_label,
            "lang": ruling.lang,
            "taxonomy": taxonomy,
        }
        columns = ("tenant_id", "item_id", "vendor", "raw_label", *said, "decided_by")
        item = select(
            *(review_items.c[name] for name in ("tenant_id", "id", "vendor", "raw_label")),
            *(literal(value, review_decisions.c[name].type) for name, value in said.items()),
            literal(actor),
        ).where(review_items.c.id == item_id)
        kept = insert_once(review_decisions).from_select(columns, item).on_conflict_do_nothing()
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(kept.returning(review_decisions))).one_or_none()
            if row is None:
                return None
            # Not the raw label itself: the audit log outlives the queue.
            await _note(connection, tenant_id, actor, "review.decided", item_id, said)
        return Decision(
            decision_id=row.id,
            item_id=item_id,
            number=number,
            ruling=ruling,
            taxonomy=taxonomy,
            decided_at=row.decided_at.astimezone(UTC),
            decided_by=actor,
        )

    async def review(
        self, tenant_id: UUID, decision: Decision, *, accepted: bool, actor: str
    ) -> Decision | None:
        """Keep a review with its audit event; None when there is one, or a newer decision, already."""
        newest = select(func.max(review_decisions.c.number)).where(
            review_decisions.c.item_id == decision.item_id
        )
        row = {
            "tenant_id": tenant_id,
            "decision_id": decision.decision_id,
            "accepted": accepted,
            "reviewed_by": actor,
        }
        kept = insert_once(review_decision_reviews).values(**row).on_conflict_do_nothing()
        async with self._database.tenant(tenant_id) as connection:
            if (await connection.execute(newest)).scalar_one() != decision.number:
                return None
            made = (
                await connection.execute(kept.returning(review_decision_reviews.c.reviewed_at))
            ).scalar_one_or_none()
            if made is None:
                return None
            detail: dict[str, object] = {"number": decision.number, "accepted": accepted}
            await _note(connection, tenant_id, actor, "review.decision_reviewed", decision.item_id, detail)
        return replace(decision, review=DecisionReview(accepted, made.astimezone(UTC), actor))


async def _note(
    connection: AsyncConnection,
    tenant_id: UUID,
    actor: str,
    action: str,
    item_id: UUID,
    detail: dict[str, object],
) -> None:
    await append_event(
        connection,
        tenant_id=tenant_id,
        actor=actor,
        action=action,
        subject=f"review/{item_id}",
        detail=detail,
    )
