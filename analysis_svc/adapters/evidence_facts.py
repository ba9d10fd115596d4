"""Counts the evidence of a period in Postgres."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.domain.catalogue import MODEL_ERROR, NEEDS_REVIEW, UNKNOWN
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
from analysis_svc.domain.map_controls import VIOLATION_STRENGTH

MOST_KINDS = 50_000
"""Rows that are read at most; one for each hour and set of senses that looked."""
_MOST_VERSIONS = 200
_OPEN = [MODEL_ERROR, UNKNOWN, NEEDS_REVIEW]

# First equal analyses of an hour are put together, then it is worked out once for each kind who looked. A
# finding that is open takes its detector out, and one without a detector takes out all of them.
_LOOKS = text(
    """
    with open_findings as (
        select f.analysis_id,
               array_agg(distinct coalesce(f.detector, '') order by coalesce(f.detector, '')) as names
        from analysis.findings f
        join analysis.analyses a on a.tenant_id = f.tenant_id and a.id = f.analysis_id
        where f.label = any(:open) and a.analysed_at >= :start and a.analysed_at < :end
        group by f.analysis_id
    ), kinds as (
        select date_trunc('hour', a.analysed_at, 'UTC') as hour, a.detectors_succeeded as succeeded,
               a.detectors_failed as failed, o.names as open,
               count(*) as analyses, min(a.analysed_at) as first, max(a.analysed_at) as last
        from analysis.analyses a
        left join open_findings o on o.analysis_id = a.id
        where a.analysed_at >= :start and a.analysed_at < :end
          and (cast(:application as text) is null or a.application = :application)
        group by 1, 2, 3, 4
    ), seen as (
        select k.hour, k.analyses, k.first, k.last,
               array(select s.name
                     from jsonb_to_recordset(cast(:senses as jsonb)) as s(name text, detectors text[])
                     where not ('' = any(coalesce(k.open, '{}')))
                       and exists (
                           select 1 from unnest(k.succeeded) d
                           where d = any(s.detectors)
                             and not (d = any(coalesce(k.open, '{}')))
                             and not exists (
                                 select 1 from jsonb_array_elements(k.failed) f where f ->> 0 = d)
                       )
                     order by s.name) as senses
        from kinds k
    )
    select senses, sum(analyses)::bigint as analyses, min(first) as first, max(last) as last
    from seen group by hour, senses order by min(first) limit :most
    """
)
_LABELS = text(
    """
    select f.label, count(*) as findings,
           count(*) filter (where s.severity * f.score * f.confidence >= :floor) as strong,
           count(distinct a.id) filter (where s.severity * f.score * f.confidence >= :floor)
               as strong_analyses,
           max(a.analysed_at) filter (where s.severity * f.score * f.confidence >= :floor) as last_strong_at,
           (array_agg(a.id order by a.analysed_at desc, a.id)
               filter (where s.severity * f.score * f.confidence >= :floor))[1:200] as strong_in
    from analysis.analyses a
    join analysis.findings f on f.tenant_id = a.tenant_id and f.analysis_id = a.id
    left join jsonb_to_recordset(cast(:severities as jsonb)) as s(label text, severity double precision)
      on s.label = f.label
    where a.analysed_at >= :start and a.analysed_at < :end
      and (cast(:application as text) is null or a.application = :application)
    group by f.label
    """
)
_VIOLATIONS = text(
    """
    select control, count(*) as analyses, max(a.analysed_at) as last_at,
           (array_agg(a.id order by a.analysed_at desc, a.id))[1:200] as evidence
    from analysis.analyses a cross join unnest(a.violated) as control
    where a.analysed_at >= :start and a.analysed_at < :end
      and (cast(:application as text) is null or a.application = :application)
    group by control
    """
)
_VERSIONS = text(
    """
    select a.taxonomy, a.versions, count(*) as analyses
    from analysis.analyses a
    where a.analysed_at >= :start and a.analysed_at < :end
      and (cast(:application as text) is null or a.application = :application)
    group by 1, 2 order by 3 desc, 1, 2 limit :most
    """
)


class EvidenceFactsReader:
    """Counts with SQL, so that what is read does not grow with the number of analyses."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self,
        tenant_id: UUID,
        period: Period,
        *,
        senses: Mapping[str, Sequence[str]],
        severities: Mapping[str, float],
    ) -> Facts:
        """Count what was kept in a period; see the port."""
        asked = {"start": period.start, "end": period.end, "application": period.application}
        groups = [{"name": name, "detectors": list(names)} for name, names in senses.items()]
        weights = [{"label": name, "severity": severity} for name, severity in severities.items()]
        async with self._database.tenant(tenant_id) as connection:
            looks = await _rows(
                connection, _LOOKS, asked, senses=_json(groups), open=_OPEN, most=MOST_KINDS + 1
            )
            if len(looks) > MOST_KINDS:
                detail = "there are too many kinds of analyses in this period; ask for a shorter one"
                raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="from")
            labels = await _rows(
                connection, _LABELS, asked, severities=_json(weights), floor=VIOLATION_STRENGTH
            )
            violations = await _rows(connection, _VIOLATIONS, asked)
            versions = await _rows(connection, _VERSIONS, asked, most=_MOST_VERSIONS)
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
                    row["analyses"], row["last_at"].astimezone(UTC), _first(row["evidence"])
                )
                for row in violations
            },
            versions=[Versions(row["taxonomy"], row["versions"], row["analyses"]) for row in versions],
        )


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
        strong_in=_first(row["strong_in"] or ()),
        strong_analyses=row["strong_analyses"],
    )


def _first(ids: Sequence[UUID]) -> tuple[UUID, ...]:
    # An analysis comes once for each of its findings.
    return tuple(dict.fromkeys(ids))[:EVIDENCE_SHOWN]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
