"""Counts the evidence of a period in Postgres: what is rolled up by the hour, and the rest raw."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_parts import (
    CONTROLS,
    LABELS,
    LOOKS,
    VERSIONS,
    stretch_values,
    way_of_counting,
)
from analysis_svc.adapters.reviewed_facts import reviewed_analyses, reviewed_findings
from analysis_svc.adapters.rolled_hours import CAREFULLY, RolledHours, beside
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import (
    EVIDENCE_SHOWN,
    Facts,
    LabelFacts,
    Looks,
    Period,
    StoredViolations,
    Versions,
)
from analysis_svc.domain.reviewed_findings import Breaks, still_violated

MOST_KINDS = 50_000
"""Rows that are read at most; one for each hour and set of senses that looked."""
_MOST_VERSIONS = 200
_TRIES = 2

# Senses are worked out once for each set of detectors that looked cleanly: there are few of those.
_LOOKS = text(
    f"""
    {LOOKS.both}, seen as materialized (
        select clean, array(
            select s.name from jsonb_to_recordset(cast(:senses as jsonb)) as s(name text, detectors text[])
            where s.detectors && clean order by s.name
        ) as senses
        from (select distinct clean from parts) as sets
    )
    select senses, sum(analyses)::bigint as analyses, min(first_at) as first, max(last_at) as last
    from parts join seen using (clean) group by hour, senses order by min(first_at) limit :most
    """  # noqa: S608 - put together of constants
)
# The newest ids are in the newest hours that have any: each of those has at least one.
_LABELS = text(
    f"""
    {LABELS.both}, newest as (
        select label, id, at, row_number() over (partition by label order by at desc, id) as place
        from (
            select label, strong_in, strong_at,
                   dense_rank() over (partition by label order by hour desc) as place
            from parts where strong > 0
        ) as hours
        cross join lateral unnest(strong_in, strong_at) as one(id, at)
        where hours.place <= :shown
    ), shown as (
        select label, array_agg(id order by at desc, id) as strong_in, max(at) as last_strong_at
        from newest where place <= :shown group by label
    ), counted as (
        select label, sum(findings)::bigint as findings, sum(strong)::bigint as strong,
               sum(strong_analyses)::bigint as strong_analyses
        from parts group by label
    )
    select * from counted left join shown using (label)
    """  # noqa: S608 - put together of constants
)
_VIOLATIONS = text(
    f"""
    {CONTROLS.both}, judged as (
        select * from jsonb_to_recordset(cast(:judged as jsonb)) as one(control text, id uuid, at timestamptz)
    ), newest as (
        select control, id, at, row_number() over (partition by control order by at desc, id) as place
        from (
            select control, id, at from (
                select control, evidence, evidence_at,
                       dense_rank() over (partition by control order by hour desc) as place
                from parts
            ) as hours
            cross join lateral unnest(evidence, evidence_at) as one(id, at)
            where hours.place <= :shown
            union all
            select control, id, at from judged
        ) as both_kinds
    ), shown as (
        select control, array_agg(id order by at desc, id) as evidence, max(at) as last_at
        from newest where place <= :shown group by control
    )
    select control, analyses, last_at, evidence
    from (
        select control, sum(analyses)::bigint as analyses
        from (select control, analyses from parts union all select control, 1 from judged) as all_of_them
        group by control
    ) as counted
    join shown using (control)
    """  # noqa: S608 - put together of constants
)
_VERSIONS = text(
    f"""
    {VERSIONS.both}
    select taxonomy, versions, sum(analyses)::bigint as analyses
    from parts group by 1, 2 order by 3 desc, 1, 2 limit :most
    """  # noqa: S608 - put together of constants
)


class EvidenceFactsReader:
    """Counts with SQL, so that what is read does not grow with the number of analyses.

    Args:
        database: of the service.
        rolled: knows which hours are counted; None: all is counted raw.
    """

    def __init__(self, database: Database, rolled: RolledHours | None = None) -> None:
        self._database = database
        self._rolled = rolled

    async def of(
        self,
        tenant_id: UUID,
        period: Period,
        *,
        senses: Mapping[str, Sequence[str]],
        severities: Mapping[str, float],
        breaks: Breaks,
    ) -> Facts:
        """Count what was kept in a period; see the port."""
        groups = [{"name": name, "detectors": list(names)} for name, names in senses.items()]
        senses_json = _json(groups)
        for rolled in (*[self._rolled] * _TRIES, None):
            facts = await self._count(tenant_id, period, senses_json, severities, breaks, rolled)
            if facts is not None:
                break
        else:
            raise AssertionError("counted raw, nothing can have changed")
        return facts

    async def _count(
        self,
        tenant_id: UUID,
        period: Period,
        senses: str,
        severities: Mapping[str, float],
        breaks: Breaks,
        rolled: RolledHours | None,
    ) -> Facts | None:
        """Count once; None when an hour that was counted, or what is put aside, was changed meanwhile."""
        way, values = way_of_counting(severities)
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(CAREFULLY)
            hours = await rolled.counted(connection, period, way) if rolled else {}
            taken, stretches = beside(period, hours)
            asked = {
                **values,
                **stretch_values(stretches),
                "hours": taken,
                "application": period.application,
            }
            aside = await reviewed_findings(connection, period)
            judged = await _judged(connection, period, values, breaks) if aside else []
            looks = await _rows(connection, _LOOKS, asked, senses=senses, most=MOST_KINDS + 1)
            if len(looks) > MOST_KINDS:
                detail = "there are too many kinds of analyses in this period; ask for a shorter one"
                raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="from")
            labels = await _rows(connection, _LABELS, asked, shown=EVIDENCE_SHOWN)
            violations = await _rows(
                connection, _VIOLATIONS, asked, shown=EVIDENCE_SHOWN, judged=_json(judged)
            )
            versions = await _rows(connection, _VERSIONS, asked, most=_MOST_VERSIONS)
            if rolled:
                after = await rolled.counted(connection, period, way)
                if not hours.items() <= after.items() or aside != await reviewed_findings(connection, period):
                    return None
                await rolled.count_rest(connection, tenant_id, period, hours, way, values)
        return Facts(
            looks=[
                Looks(
                    frozenset(row["senses"]),
                    row["analyses"],
                    row["first"].astimezone(UTC),
                    row["last"].astimezone(UTC),
                )
                for row in looks
            ],
            labels={row["label"]: _label(row) for row in labels},
            violations={
                row["control"]: StoredViolations(
                    row["analyses"], row["last_at"].astimezone(UTC), tuple(row["evidence"])
                )
                for row in violations
            },
            versions=[Versions(row["taxonomy"], row["versions"], row["analyses"]) for row in versions],
            aside=aside,
        )


async def _judged(
    connection: AsyncConnection, period: Period, values: Mapping[str, object], breaks: Breaks
) -> list[dict[str, object]]:
    """Return the violations that reviewed analyses were answered with, and that their review leaves."""
    return [
        {"control": control, "id": one.evidence_id, "at": one.at}
        for one in await reviewed_analyses(connection, period, values)
        for control in still_violated(one, breaks)
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _rows(
    connection: AsyncConnection, query: object, asked: Mapping[str, object], **more: object
) -> Sequence[RowMapping]:
    return (await connection.execute(query, {**asked, **more})).mappings().all()  # type: ignore[call-overload, no-any-return]


def _label(row: RowMapping) -> LabelFacts:
    last = row["last_strong_at"]
    return LabelFacts(
        label=row["label"],
        findings=row["findings"],
        strong=row["strong"],
        last_strong_at=None if last is None else last.astimezone(UTC),
        strong_in=tuple(row["strong_in"] or ()),
        strong_analyses=row["strong_analyses"],
    )
