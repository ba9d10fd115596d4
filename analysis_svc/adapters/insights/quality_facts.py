"""Findings counted by Postgres, and the words that people said about them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Integer, cast, func, select

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.feedback_repository import ALL, feedback_of
from analysis_svc.adapters.insights.risk_facts import in_span
from analysis_svc.adapters.insights.tables import feedback
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.insights.feedback import Feedback
from analysis_svc.domain.insights.quality import BINS, FindingCounts
from analysis_svc.domain.insights.span import Span


class QualityFactsRepository:
    """Implements QualityFacts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self, tenant_id: UUID, span: Span) -> FindingCounts:
        """Return the findings of a span, counted."""
        tenth = func.least(cast(func.floor(findings.c.confidence * BINS), Integer), BINS - 1).label("tenth")
        query = (
            select(
                findings.c.label,
                func.coalesce(findings.c.tier, "").label("tier"),
                tenth,
                func.count().label("n"),
            )
            .select_from(
                findings.join(
                    analyses,
                    (analyses.c.tenant_id == findings.c.tenant_id)
                    & (analyses.c.id == findings.c.analysis_id),
                )
            )
            .where(*in_span(span))
            .group_by("label", "tier", "tenth")
        )
        labels: dict[str, int] = {}
        tiers: dict[str, int] = {}
        confidences: dict[int, int] = {}
        async with self._database.tenant(tenant_id) as connection:
            for row in await connection.execute(query):
                labels[row.label] = labels.get(row.label, 0) + row.n
                tiers[row.tier] = tiers.get(row.tier, 0) + row.n
                confidences[row.tenth] = confidences.get(row.tenth, 0) + row.n
        return FindingCounts(labels, confidences, tiers)

    async def words(self, tenant_id: UUID, span: Span, *, limit: int) -> Sequence[Feedback]:
        """Return the newest feedback that was given in a span."""
        query = (
            ALL.where(feedback.c.given_at >= span.start, feedback.c.given_at < span.end)
            .order_by(feedback.c.given_at.desc(), feedback.c.id.desc())
            .limit(limit)
        )
        if span.application is not None:
            theirs = select(analyses.c.id).where(analyses.c.application == span.application)
            query = query.where(feedback.c.evidence_id.in_(theirs))
        async with self._database.tenant(tenant_id) as connection:
            return [feedback_of(row) for row in await connection.execute(query)]
