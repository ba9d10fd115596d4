"""Stored analyses of a period added up by Postgres, besides their risk."""

from collections import defaultdict
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Subquery,
    and_,
    any_,
    column,
    func,
    literal,
    literal_column,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.risk_facts import in_span, not_fully_looked
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.catalogue import OPEN_LABELS, SAFE, Taxonomy
from analysis_svc.domain.insights.span import Span
from analysis_svc.domain.reports.content import DetectorFacts, LabelFacts, Share, StoredFacts
from analysis_svc.domain.reports.report import ReportOrder

MOST_LABELS = 200
MOST_APPLICATIONS = 200
_HAD_TO = func.cardinality(analyses.c.detectors_required) > 0


class StoredFactsRepository:
    """Implements StoredSource; all of it is one transaction, so that its parts fit each other.

    Args:
        database: of the service.
        taxonomy: gives labels their titles.
    """

    def __init__(self, database: Database, taxonomy: Taxonomy) -> None:
        self._database = database
        self._taxonomy = taxonomy

    async def facts(self, tenant_id: UUID, order: ReportOrder) -> StoredFacts:
        """Return the figures of the order's period."""
        where = in_span(Span(order.start, order.end, order.application))
        async with self._database.tenant(tenant_id) as connection:
            totals = (
                await connection.execute(
                    select(
                        func.max(analyses.c.analysed_at).label("newest"),
                        func.count().filter(_HAD_TO).label("had_to"),
                        func.count().filter(and_(_HAD_TO, not_(not_fully_looked()))).label("complete"),
                    ).where(*where)
                )
            ).one()
            applications = await connection.execute(
                select(func.coalesce(analyses.c.application, "").label("name"), func.count().label("number"))
                .where(*where)
                .group_by("name")
                .order_by(func.count().desc(), "name")
                .limit(MOST_APPLICATIONS)
            )
            labels = await _labels(connection, where)
            return StoredFacts(
                findings=sum(row.occurrences for row in labels if row.label not in OPEN_LABELS),
                applications={row.name: row.number for row in applications},
                detectors=await _detectors(connection, where),
                labels=tuple(self._label(row) for row in labels[:MOST_LABELS]),
                labels_in_all=len(labels),
                newest_at=None if totals.newest is None else totals.newest.astimezone(UTC),
                complete=Share(totals.complete, totals.had_to),
            )

    def _label(self, row: Row[Any]) -> LabelFacts:
        known = self._taxonomy.labels.get(row.label)
        title = known.title if known else "not in the taxonomy in use"
        return LabelFacts(
            label=row.label,
            title=f"open, not a finding of harm: {title}" if row.label in OPEN_LABELS else title,
            analyses=row.analyses,
            occurrences=row.occurrences,
            confidence=round(row.confidence, 4),
        )


async def _labels(connection: AsyncConnection, where: list[Any]) -> list[Row[Any]]:
    """Return every label but the one that all is well, the most frequent first.

    There are as many as editions have labels.
    """
    query = (
        select(
            findings.c.label,
            func.count(findings.c.analysis_id.distinct()).label("analyses"),
            func.sum(findings.c.occurrences).label("occurrences"),
            func.avg(findings.c.confidence).label("confidence"),
        )
        .join(
            analyses,
            and_(analyses.c.tenant_id == findings.c.tenant_id, analyses.c.id == findings.c.analysis_id),
        )
        .where(*where, findings.c.label != SAFE)
        .group_by(findings.c.label)
        .order_by(func.sum(findings.c.occurrences).desc(), findings.c.label)
    )
    return list((await connection.execute(query)).all())


async def _detectors(connection: AsyncConnection, where: list[Any]) -> tuple[DetectorFacts, ...]:
    lists = (analyses.c.detectors_required.label("required"), analyses.c.detectors_failed.label("failed"))
    asked = select(analyses.c.id, func.unnest(analyses.c.detectors_required).label("name"))
    required = await _times(connection, asked.where(*where).subquery())
    said = select(analyses.c.id, func.unnest(analyses.c.detectors_succeeded).label("name"), *lists)
    each = said.where(*where).subquery()
    one = func.jsonb_array_elements(each.c.failed, type_=JSONB).table_valued(
        column("value", JSONB), name="one"
    )
    failed_too = select(literal(1)).select_from(one).where(one.c.value[0].astext == each.c.name).exists()
    # What looked unasked covers nothing that was asked for, and what failed too did not succeed.
    succeeded = await _times(connection, each, and_(each.c.name == any_(each.c.required), ~failed_too))
    ended = func.jsonb_array_elements(analyses.c.detectors_failed, type_=JSONB).table_valued(
        column("value", JSONB), name="ended"
    )
    name, status = ended.c.value[0].astext, ended.c.value[1].astext
    failed: dict[str, dict[str, int]] = defaultdict(dict)
    rows = await connection.execute(
        select(name.label("name"), status.label("status"), func.count().label("number"))
        .select_from(analyses)
        .join(ended, literal_column("true"))
        .where(*where)
        .group_by("name", "status")
        .order_by("name", "status")
    )
    for row in rows:
        failed[row.name][row.status] = row.number
    names = sorted({*required, *succeeded, *failed}, key=lambda one: (-required.get(one, 0), one))
    return tuple(
        DetectorFacts(one, required.get(one, 0), succeeded.get(one, 0), failed.get(one, {})) for one in names
    )


async def _times(
    connection: AsyncConnection, each: Subquery, condition: ColumnElement[bool] | None = None
) -> dict[str, int]:
    """Count the analyses of each name that meet a condition; one that names it twice is one."""
    number = func.count(each.c.id.distinct())
    counted = number if condition is None else number.filter(condition)
    query = select(each.c.name, counted.label("number")).group_by(each.c.name)
    return {row.name: row.number for row in await connection.execute(query)}
