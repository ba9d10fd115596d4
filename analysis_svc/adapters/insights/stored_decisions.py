"""Reads what policies decided on, as far as evidence keeps it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from analysis_svc.adapters.database import Database
from analysis_svc.domain.insights.rego_advice import StoredDecision
from analysis_svc.domain.insights.span import Span

_NEWEST = text(
    """
    select id, versions ->> 'policy' as policy, versions ->> 'policy_version' as policy_version,
           detectors_required <@ detectors_succeeded as enough,
           coalesce((
               select jsonb_agg(jsonb_build_object(
                          'id', f.finding_id, 'label', f.label, 'score', f.score, 'confidence', f.confidence,
                          'detectors', array_remove(array[f.detector], null),
                          'occurrences', f.occurrences
                      ) order by f.finding_id)
               from analysis.findings f where f.tenant_id = analyses.tenant_id and f.analysis_id = analyses.id
           ), '[]') as findings
    from analysis.analyses
    where analysed_at >= :start and analysed_at < :end
      and (cast(:application as text) is null or application = :application)
    order by analysed_at desc, id desc limit :most
    """
)


class StoredDecisionsRepository:
    """Implements StoredDecisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, tenant_id: UUID, span: Span, *, most: int) -> Sequence[StoredDecision]:
        """Return the newest of a span."""
        asked = {"start": span.start, "end": span.end, "application": span.application, "most": most}
        async with self._database.tenant(tenant_id) as connection:
            return [
                StoredDecision(
                    row.id,
                    (row.policy, row.policy_version) if row.policy and row.policy_version else None,
                    row.enough,
                    row.findings,
                )
                for row in await connection.execute(_NEWEST, asked)
            ]
