"""Analyses added up by Postgres: one score for each bucket of time and each application."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Double,
    Row,
    Select,
    Text,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    text,
)

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.tables import analyses
from analysis_svc.domain.insights.risk_history import NOTHING, TAIL, RiskFigures
from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.models import Level
from analysis_svc.domain.score_risk import LEAST_POINTS

_ENDS = ("risk_score", "risk_low", "risk_high")
_NAMED = "="
_IN_MEMORY = text("select set_config('work_mem', '32MB', true)")


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
        # No key is null, for groups are joined by it.
        query = _figures(func.coalesce(_NAMED + analyses.c.application, ""), span)
        ordered = query.order_by(
            query.selected_columns.score.desc(), query.selected_columns.analyses.desc(), "key"
        )
        rows = await self._rows(tenant_id, ordered.limit(limit))
        return [(row.key.removeprefix(_NAMED) if row.key else None, _of(row)) for row in rows]

    async def total(self, tenant_id: UUID, span: Span) -> RiskFigures:
        """Return the figures of all of them together."""
        rows = await self._rows(tenant_id, _figures(literal(1), span))
        return _of(rows[0]) if rows else NOTHING

    async def _rows(self, tenant_id: UUID, query: Select[Any]) -> Sequence[Row[Any]]:
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_IN_MEMORY)
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
        .prefix_with("materialized")
    )
    size = func.count()
    # The least of the worst 5 %, so that only that has to be sorted which is compared, and nothing beside it.
    counted = (
        select(
            chosen.c.key,
            size.label("analyses"),
            func.ceil(size * literal(TAIL, Double), type_=Double).label("tail"),
            *(
                func.percentile_disc(literal(TAIL, Double))
                .within_group(chosen.c[name].desc())
                .label(f"least_{name}")
                for name in _ENDS
            ),
            func.avg(chosen.c.risk_score).label("mean"),
            func.max(chosen.c.risk_score).label("worst"),
            func.count().filter(chosen.c.missed).label("not_fully_looked"),
            *(
                func.count().filter(chosen.c.level == level.value).label(f"level_{level.value}")
                for level in Level
            ),
        )
        .group_by(chosen.c.key)
        .cte("counted")
    )

    def tail(name: str) -> ColumnElement[Any]:
        least = counted.c[f"least_{name}"]
        above = chosen.c[name] > least
        # Of those that are the least itself as many as there is room for.
        rest = (func.min(counted.c.tail) - func.count().filter(above)) * func.min(least)
        return (func.coalesce(func.sum(chosen.c[name]).filter(above), 0.0) + rest) / func.min(counted.c.tail)

    tails = (
        select(
            counted.c.key,
            tail("risk_score").label("score"),
            tail("risk_low").label("low"),
            tail("risk_high").label("high"),
        )
        .select_from(counted.join(chosen, counted.c.key == chosen.c.key))
        .group_by(counted.c.key)
        .cte("tails")
    )
    told = [column for column in counted.c if column.name != "tail" and "least" not in column.name]
    return select(*told, tails.c.score, tails.c.low, tails.c.high).join_from(
        counted, tails, counted.c.key == tails.c.key
    )


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
