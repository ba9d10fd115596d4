"""Stored analyses of a period added up by Postgres, besides their risk."""

from collections import defaultdict
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, column, func, literal_column, not_, select
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
    required: dict[str, int] = {}
    succeeded: dict[str, int] = {}
    for source, counts in (
        (analyses.c.detectors_required, required),
        (analyses.c.detectors_succeeded, succeeded),
    ):
        name = func.unnest(source).label("name")
        each = select(name).where(*where).subquery()
        rows = await connection.execute(
            select(each.c.name, func.count().label("number")).group_by(each.c.name)
        )
        counts.update({row.name: row.number for row in rows})
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
