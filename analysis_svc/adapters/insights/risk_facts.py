"""Analyses added up by Postgres: one score for each bucket of time and each application."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, bindparam, func, literal, not_, or_, select

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.tables import analyses
from analysis_svc.domain.insights.risk_history import NOTHING, TAIL, RiskFigures
from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.models import Level
from analysis_svc.domain.score_risk import LEAST_POINTS

_ENDS = ("risk_score", "risk_low", "risk_high")


class RiskFactsRepository:
    """Implements RiskFacts; each call is one statement in the tenant's own rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_time(self, tenant_id: UUID, span: Span, bucket: Bucket) -> Mapping[datetime, RiskFigures]:
        """Return the figures of each bucket that has any analysis."""
        at = func.date_trunc(literal(bucket.value, Text), analyses.c.analysed_at, literal("UTC", Text))
        rows = await self._rows(tenant_id, _figures(at, span))
        return {row.key.astimezone(UTC): _of(row) for row in rows}

    async def by_application(
        self, tenant_id: UUID, span: Span, *, limit: int
    ) -> Sequence[tuple[str | None, RiskFigures]]:
        """Return the figures of each application, highest score first."""
        query = _figures(analyses.c.application, span)
        ordered = query.order_by(
            query.selected_columns.score.desc(), query.selected_columns.analyses.desc(), "key"
        )
        return [(row.key, _of(row)) for row in await self._rows(tenant_id, ordered.limit(limit))]

    async def total(self, tenant_id: UUID, span: Span) -> RiskFigures:
        """Return the figures of all of them together."""
        rows = await self._rows(tenant_id, _figures(literal(1), span))
        return _of(rows[0]) if rows else NOTHING

    async def _rows(self, tenant_id: UUID, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self._database.tenant(tenant_id) as connection:
            return (await connection.execute(query)).all()


def in_span(span: Span) -> list[ColumnElement[bool]]:
    """Return the conditions that an analysis of the span meets."""
    conditions = [
        analyses.c.analysed_at >= bindparam(None, span.start, analyses.c.analysed_at.type),
        analyses.c.analysed_at < bindparam(None, span.end, analyses.c.analysed_at.type),
    ]
    if span.application is not None:
        conditions.append(analyses.c.application == span.application)
    return conditions


def not_fully_looked() -> ColumnElement[bool]:
    """Return the condition that a detector failed, or did not look though it had to."""
    return or_(
        func.jsonb_array_length(analyses.c.detectors_failed) > 0,
        not_(analyses.c.detectors_required.contained_by(analyses.c.detectors_succeeded)),
    )


def _figures(key: ColumnElement[Any], span: Span) -> Select[Any]:
    """Select the figures of each group; the groups are what `key` comes to."""
    chosen = (
        select(
            key.label("key"),
            analyses.c.level,
            *(analyses.c[name] for name in _ENDS),
            not_fully_looked().label("missed"),
        )
        .where(*in_span(span))
        .cte("chosen")
    )
    ranked = select(
        chosen,
        func.count().over(partition_by=chosen.c.key).label("size"),
        *(
            func.row_number()
            .over(partition_by=chosen.c.key, order_by=chosen.c[name].desc())
            .label(f"{name}_rank")
            for name in _ENDS
        ),
    ).cte("ranked")
    least = func.ceil(ranked.c.size * TAIL)

    def tail(name: str) -> ColumnElement[Any]:
        return func.avg(ranked.c[name]).filter(ranked.c[f"{name}_rank"] <= least)

    return select(
        ranked.c.key,
        func.count().label("analyses"),
        tail("risk_score").label("score"),
        tail("risk_low").label("low"),
        tail("risk_high").label("high"),
        func.avg(ranked.c.risk_score).label("mean"),
        func.max(ranked.c.risk_score).label("worst"),
        func.count().filter(ranked.c.missed).label("not_fully_looked"),
        *(
            func.count().filter(ranked.c.level == level.value).label(f"level_{level.value}")
            for level in Level
        ),
    ).group_by(ranked.c.key)


def _of(row: Row[Any]) -> RiskFigures:
    counts = {level: getattr(row, f"level_{level.value}") for level in Level}
    return RiskFigures(
        analyses=row.analyses,
        score=_points(row.score),
        low=_points(row.low),
        high=_points(row.high),
        mean=_points(row.mean),
        worst=row.worst,
        levels={level: count for level, count in counts.items() if count},
        not_fully_looked=row.not_fully_looked,
    )


def _points(mean: float) -> float:
    """Round as single scores are: one failure among very many must not come to 0, level none."""
    return max(round(mean, 2), LEAST_POINTS) if mean > 0.0 else 0.0
