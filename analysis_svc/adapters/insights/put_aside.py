"""Which analyses of incidents reviews have left without a finding."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.evidence_parts import LAST_WORDS, stretch_values
from analysis_svc.domain.insights.span import Span

# What is only called otherwise is still something.
_MEMBERS = f"""
    with {LAST_WORDS}, alarms as (
        select evidence_id, count(*) as findings from last_words
        where verdict = 'false_positive' group by evidence_id
    ), members as (
        select one.incident_id from alarms
        join analysis.incident_evidence one on one.analysis_id = alarms.evidence_id
        where alarms.findings >= (
            select count(*) from analysis.findings f
            where f.tenant_id = one.tenant_id and f.analysis_id = one.analysis_id
        )
    )
"""  # noqa: S608 - put together of constants
_OF = text(
    f"""
    {_MEMBERS} select incident_id, count(*) as analyses from members
    where incident_id = any(:incidents) group by incident_id
    """  # noqa: S608 - put together of constants
)
_WHOLLY = text(
    f"""
    {_MEMBERS} select incidents.id from analysis.incidents
    join (select incident_id, count(*) as aside from members group by incident_id) as counted
         on counted.incident_id = incidents.id
    where counted.aside >= incidents.analyses and opened_at >= :start and opened_at < :end
      and (cast(:application as text) is null or application = :application)
    """  # noqa: S608 - put together of constants
)
_EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


async def put_aside_of(connection: AsyncConnection, incidents: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many analyses of each of these incidents have no finding left; none is left out."""
    if not incidents:
        return {}
    asked = {**stretch_values([_EVER]), "incidents": list(incidents)}
    return {row.incident_id: row.analyses for row in await connection.execute(_OF, asked)}


async def wholly_put_aside(connection: AsyncConnection, span: Span) -> list[UUID]:
    """Return the incidents opened in a span of which no analysis has a finding left."""
    within = {"start": span.start, "end": span.end, "application": span.application}
    rows = await connection.execute(_WHOLLY, {**stretch_values([_EVER]), **within})
    return list(rows.scalars())
