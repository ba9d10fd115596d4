"""What the quality came to, week by week, in Postgres; an evaluation is never changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.tables import quality_evaluations
from analysis_svc.domain.insights.quality import KeptEvaluation, QualityReport
from analysis_svc.domain.insights.quality_alerts import Alert
from analysis_svc.domain.insights.quality_figures import QualityFigures
from analysis_svc.domain.insights.span import Span


class _Kept(msgspec.Struct, frozen=True):
    """The column `figures`."""

    figures: QualityFigures
    alerts: tuple[Alert, ...]


class QualityEvaluations:
    """Implements EvaluationStore, and keeps evaluations for the pipelines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, tenant_id: UUID, report: QualityReport, *, at: datetime) -> bool:
        """Keep the evaluation of a span of a whole tenant; False when there is one that ends then."""
        row = {
            "tenant_id": tenant_id,
            "span_end": report.span.end,
            "span_start": report.span.start,
            "figures": msgspec.to_builtins(_Kept(report.figures, report.alerts)),
            "evaluated_at": at,
        }
        kept = insert(quality_evaluations).values(**row).on_conflict_do_nothing()
        async with self._database.tenant(tenant_id) as connection:
            done = await connection.execute(kept.returning(quality_evaluations.c.span_end))
            return done.one_or_none() is not None

    async def page(self, tenant_id: UUID, *, before: datetime | None, limit: int) -> Sequence[KeptEvaluation]:
        """Return evaluations, the newest first, of spans that ended before a moment."""
        table = quality_evaluations
        query = select(table).order_by(table.c.span_end.desc()).limit(limit)
        if before is not None:
            query = query.where(table.c.span_end < before)
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query)).all()
        return [
            KeptEvaluation(
                QualityReport(
                    Span(row.span_start.astimezone(UTC), row.span_end.astimezone(UTC)),
                    (kept := msgspec.convert(row.figures, _Kept)).figures,
                    kept.alerts,
                ),
                row.evaluated_at.astimezone(UTC),
            )
            for row in rows
        ]
