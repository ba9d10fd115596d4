"""Labels in review, each beside its newest decision: the query, its conditions, and how a row is read."""

from datetime import UTC
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, true

from mapper_svc.adapters.tables import review_decision_reviews, review_decisions, review_items
from mapper_svc.domain.review_decisions import Decision, DecisionReview, DecisionState, Ruling, Verdict

_said, _reviews = review_decisions.c, review_decision_reviews.c
_newest = (
    select(
        _said.id.label("decision_id"),
        *(_said.number, _said.verdict, _said.right_label, _said.lang),
        # The item has a column of that name, which is the edition of its guesses.
        _said.taxonomy.label("decision_taxonomy"),
        *(_said.decided_at, _said.decided_by),
        *(_reviews.accepted, _reviews.reviewed_at, _reviews.reviewed_by),
    )
    .select_from(
        review_decisions.outerjoin(
            review_decision_reviews,
            (_reviews.tenant_id == _said.tenant_id) & (_reviews.decision_id == _said.id),
        )
    )
    .where(_said.tenant_id == review_items.c.tenant_id, _said.item_id == review_items.c.id)
    .order_by(_said.number.desc())
    .limit(1)
    .lateral("newest")
)


def with_newest_decision() -> Select[Any]:
    """Return the query of labels in review, each with its newest decision where it has one."""
    return select(review_items, _newest).select_from(review_items.outerjoin(_newest, true()))


def is_in(state: DecisionState) -> ColumnElement[bool]:
    """Return the condition that a label in review has come that far."""
    if state is DecisionState.UNDECIDED:
        return _newest.c.number.is_(None)
    if state is DecisionState.PENDING:
        return _newest.c.number.is_not(None) & _newest.c.accepted.is_(None)
    return _newest.c.accepted.is_(state is DecisionState.ACCEPTED)


def decision_of(row: Row[Any]) -> Decision | None:
    """Read the decision in a row of the query; None where there is none."""
    if row.number is None:
        return None
    review = None
    if row.accepted is not None:
        review = DecisionReview(row.accepted, row.reviewed_at.astimezone(UTC), row.reviewed_by)
    return Decision(
        decision_id=row.decision_id,
        item_id=row.id,
        number=row.number,
        ruling=Ruling(Verdict(row.verdict), row.right_label, row.lang),
        taxonomy=row.decision_taxonomy,
        decided_at=row.decided_at.astimezone(UTC),
        decided_by=row.decided_by,
        review=review,
    )
