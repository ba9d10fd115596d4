"""Stored analyses in short stretches of time, alike ones counted together by Postgres."""

from datetime import UTC
from uuid import UUID

from sqlalchemy import text

from analysis_svc.adapters.database import Database
from analysis_svc.domain.catalogue import SAFE
from analysis_svc.domain.insights.incidents import SERIOUS
from analysis_svc.domain.insights.pattern_models import EventGroup, Observation
from analysis_svc.domain.insights.patterns_over_time import first_whole
from analysis_svc.domain.insights.span import Bucket, Span

_RECENT = text(
    """
    with recent as materialized (
        select id, analysed_at, risk_score, level = any(:serious) as serious,
               detectors_required, detectors_succeeded, detectors_failed
        from analysis.analyses
        where analysed_at >= :start and analysed_at < :end
          and (cast(:application as text) is null or application = :application)
        order by analysed_at desc
        limit :most
    ), labelled as (
        select analysis_id, array_agg(distinct label order by label) as labels
        from analysis.findings
        where analysis_id in (select id from recent) and label <> :safe
        group by analysis_id
    )
    select cast(floor(extract(epoch from analysed_at - cast(:origin as timestamptz)) / :width) as integer)
               as bin,
           coalesce(labels, '{}') as labels, looked, failed, serious,
           count(*) as analyses, min(analysed_at) as earliest,
           (array_agg(id order by risk_score desc, analysed_at desc, id))[1:4] as evidence
    from recent
    left join labelled on labelled.analysis_id = recent.id
    cross join lateral (
        select array(select distinct one from unnest(detectors_succeeded) as one order by one) as looked,
               array(
                   select one ->> 0 from jsonb_array_elements(detectors_failed) as one
                   union
                   select one from unnest(detectors_required) as one where one <> all(detectors_succeeded)
                   order by 1
               ) as failed
    ) as detectors
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    """
)


class EventRepository:
    """Implements EventSource."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def observe(
        self, tenant_id: UUID, span: Span, bucket: Bucket, *, bins_per_bucket: int, most: int
    ) -> Observation:
        """Return the newest analyses of a span, grouped; only whole buckets where not all of them are."""
        origin, width = bucket.begin(span.start), bucket.width / bins_per_bucket
        wanted = {
            "serious": [level.value for level in SERIOUS],
            "start": span.start,
            "end": span.end,
            "application": span.application,
            "most": most,
            "safe": SAFE,
            "origin": origin,
            "width": width.total_seconds(),
        }
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(_RECENT, wanted)).all()
        cut = sum(row.analyses for row in rows) >= most
        if cut:
            earliest = min(row.earliest for row in rows).astimezone(UTC)
            span = first_whole(span, bucket, earliest)
        skipped = round((bucket.begin(span.start) - origin) / width)
        groups = tuple(
            EventGroup(
                bin=row.bin - skipped,
                labels=tuple(row.labels),
                looked=tuple(row.looked),
                failed=tuple(row.failed),
                serious=row.serious,
                analyses=row.analyses,
                evidence=tuple(row.evidence),
            )
            for row in rows
            if row.bin >= skipped
        )
        return Observation(span, bucket, bins_per_bucket, groups, cut)
