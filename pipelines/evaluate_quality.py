"""One tenant's quality of the last week: what a step of Dagster runs."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.quality_evaluations import QualityEvaluations
from analysis_svc.adapters.insights.quality_facts import QualityFactsRepository
from analysis_svc.domain.insights.quality import Quality, QualityReport
from analysis_svc.domain.insights.span import Span
from pipelines.retention_settings import RetentionSettings

STATEMENT_TIMEOUT_MS = 60_000


def last_week(now: datetime) -> Span:
    """Return the last whole week in UTC, from Monday to Monday."""
    monday = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = monday - timedelta(days=monday.weekday())
    return Span(end - timedelta(days=7), end)


def evaluate_quality(settings: RetentionSettings, tenant_id: UUID, span: Span) -> tuple[QualityReport, bool]:
    """Compute the quality of a span and keep it; the second says whether it was the first time.

    Raises:
        SettingsError: the database's URL is not set.
        StorageUnavailableError: the database does not answer.
    """

    async def work() -> tuple[QualityReport, bool]:
        database = _database(settings)
        try:
            report = await Quality(QualityFactsRepository(database)).of(tenant_id, span)
            return report, await QualityEvaluations(database).keep(tenant_id, report, at=datetime.now(UTC))
        finally:
            await database.close()

    return asyncio.run(work())


def _database(settings: RetentionSettings) -> Database:
    url = settings.url("analysis")
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return Database(url, pool_size=1, statement_timeout_ms=STATEMENT_TIMEOUT_MS)
