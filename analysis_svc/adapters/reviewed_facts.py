"""Reads what reviews put aside of a period's evidence, anew for each question: there is little of it."""

from collections.abc import Mapping
from datetime import UTC

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.evidence_parts import CHOSEN, STRONG, TOLD, stretch_values
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.reviewed_findings import ReviewedAnalysis, ReviewedFinding

MOST_REVIEWED = 50_000
"""Findings that may be put aside in one period; each of them is named."""

_FINDINGS = text(
    f"""
    with {CHOSEN}
    select last_words.evidence_id, chosen.analysed_at, f.finding_id, f.label, last_words.right_label,
           last_words.id as feedback_id, last_words.given_at, last_words.given_by,
           last_words.reviewed_at, last_words.reviewed_by
    from last_words join chosen on chosen.id = last_words.evidence_id
    join analysis.findings f on f.tenant_id = chosen.tenant_id and f.analysis_id = chosen.id
         and f.finding_id = last_words.finding_id
    order by chosen.analysed_at desc, last_words.evidence_id, f.finding_id
    limit :most
    """  # noqa: S608 - put together of constants
)
_ANALYSES = text(
    f"""
    with {CHOSEN}
    select id, analysed_at, violated, gone, strong
    from chosen cross join lateral (
        select coalesce(array_agg(distinct kept) filter (where reviewed ? finding_id), '{{}}') as gone,
               coalesce(array_agg(distinct told.label) filter (where {STRONG}), '{{}}') as strong
        from (
            select f.finding_id, f.label as kept, {TOLD} as label, f.score, f.confidence
            from analysis.findings f
            where f.tenant_id = chosen.tenant_id and f.analysis_id = chosen.id
        ) as told
    ) as of_analysis
    where reviewed is not null and violated <> '{{}}'
    """  # noqa: S608 - put together of constants
)


async def reviewed_findings(connection: AsyncConnection, period: Period) -> list[ReviewedFinding]:
    """Return every finding of the period that counts no more as it was kept, the newest first.

    Raises:
        ServiceError: INVALID_REQUEST when there are more than MOST_REVIEWED.
    """
    asked = {**_within(period), "most": MOST_REVIEWED + 1}
    rows = (await connection.execute(_FINDINGS, asked)).all()
    if len(rows) > MOST_REVIEWED:
        detail = f"more than {MOST_REVIEWED} findings of this period are put aside; ask for a shorter one"
        raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="from")
    return [
        ReviewedFinding(
            evidence_id=row.evidence_id,
            analysed_at=row.analysed_at.astimezone(UTC),
            finding_id=row.finding_id,
            label=row.label,
            right_label=row.right_label,
            feedback_id=row.feedback_id,
            given_at=row.given_at.astimezone(UTC),
            given_by=row.given_by,
            reviewed_at=row.reviewed_at.astimezone(UTC),
            reviewed_by=row.reviewed_by,
        )
        for row in rows
    ]


async def reviewed_analyses(
    connection: AsyncConnection, period: Period, values: Mapping[str, object]
) -> list[ReviewedAnalysis]:
    """Return the analyses with such findings that were answered with violations.

    Args:
        connection: a transaction of the tenant.
        period: of when.
        values: that evidence is counted with.
    """
    rows = await connection.execute(_ANALYSES, {**values, **_within(period)})
    return [
        ReviewedAnalysis(row.id, row.analysed_at.astimezone(UTC), row.violated, row.gone, row.strong)
        for row in rows
    ]


def _within(period: Period) -> dict[str, object]:
    return {**stretch_values([(period.start, period.end)]), "application": period.application}
