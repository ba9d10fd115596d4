"""One tenant's quality of the last week, and its feedback for training: what a step of Dagster runs."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.quality_evaluations import QualityEvaluations
from analysis_svc.adapters.insights.quality_facts import QualityFactsRepository
from analysis_svc.domain.insights.quality import Quality, QualityReport
from analysis_svc.domain.insights.span import Span
from pipelines.lib.export_feedback import training_rows, write_rows
from pipelines.retention_settings import RetentionSettings

STATEMENT_TIMEOUT_MS = 60_000
_OPTED_IN = text(
    "select chosen ->> 'feedback_for_training' from analysis.tenant_settings order by version desc limit 1"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """Feedback of a tenant that training may use: how many rows, and their file where there are any."""

    opted_in: bool
    rows: int
    path: Path | None


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


def export_feedback(settings: RetentionSettings, tenant_id: UUID, folder: Path) -> Exported:
    """Write the tenant's accepted feedback for training; without its consent there is no file, old ones go.

    Raises:
        SettingsError: the database's URL is not set.
        StorageUnavailableError: the database does not answer.
    """

    async def work() -> Exported:
        database = _database(settings)
        try:
            async with database.tenant(tenant_id) as connection:
                opted_in = (await connection.execute(_OPTED_IN)).scalar_one_or_none() == "true"
            words = await QualityFactsRepository(database).accepted(tenant_id)
        finally:
            await database.close()
        rows = training_rows(words) if opted_in else []
        return Exported(opted_in, len(rows), write_rows(folder, tenant_id, rows))

    return asyncio.run(work())


def _database(settings: RetentionSettings) -> Database:
    url = settings.url("analysis")
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return Database(url, pool_size=1, statement_timeout_ms=STATEMENT_TIMEOUT_MS)
