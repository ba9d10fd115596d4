"""Who looked and who did not, counted by Postgres."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from analysis_svc.adapters.database import Database
from analysis_svc.domain.catalogue import OPEN_LABELS, SAFE
from analysis_svc.domain.insights.advice import CoverageGroup
from analysis_svc.domain.insights.span import Span

_GROUPS = text(
    """
    select looked, failed, level = 'undetermined' as undetermined, left_open, count(*) as analyses,
           (array_agg(id order by analysed_at desc, id))[1:20] as evidence
    from analysis.analyses
    cross join lateral (
        select array(select distinct one from unnest(detectors_succeeded) as one order by one) as looked,
               array(
                   select one ->> 0 from jsonb_array_elements(detectors_failed) as one
                   union
                   select one from unnest(detectors_required) as one where one <> all(detectors_succeeded)
                   order by 1
               ) as failed
    ) as detectors
    cross join lateral (
        select level = 'undetermined' and exists(
            select from analysis.findings
            where findings.tenant_id = analyses.tenant_id and findings.analysis_id = analyses.id
              and (label = any(:open) or confidence = 0 and score > 0 and label <> :safe)
        ) as left_open
    ) as kept
    where analysed_at >= :start and analysed_at < :end
      and (cast(:application as text) is null or application = :application)
    group by looked, failed, undetermined, left_open
    order by analyses desc, failed, looked
    limit 5000
    """
)


class CoverageFactsRepository:
    """Implements CoverageFacts; the 5,000 commonest groups are read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def coverage(self, tenant_id: UUID, span: Span) -> Sequence[CoverageGroup]:
        """Return the analyses of a span, grouped."""
        wanted = {
            "start": span.start,
            "end": span.end,
            "application": span.application,
            "open": sorted(OPEN_LABELS),
            "safe": SAFE,
        }
        async with self._database.tenant(tenant_id) as connection:
            return [
                CoverageGroup(
                    tuple(row.looked),
                    tuple(row.failed),
                    row.undetermined,
                    row.analyses,
                    tuple(row.evidence),
                    row.left_open,
                )
                for row in await connection.execute(_GROUPS, wanted)
            ]
