from collections.abc import Iterator

import psycopg
from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
)

from pipelines.defs.quality.assets import DUE, reviewed_feedback, weekly_quality
from pipelines.defs.retention.assets import tenants
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.keep_terms import tenants as known_tenants
from pipelines.settings import SettingsError

quality_job = define_asset_job(
    "quality_job",
    selection=AssetSelection.assets(weekly_quality, reviewed_feedback),
    description="Evaluates the last week of one tenant, and hands its accepted feedback to training.",
    partitions_def=tenants,
    # Statements that the database works on; a process for each step would take longer to start.
    executor_def=in_process_executor,
    tags={"concept": "quality", "dagster/max_retries": "2"},
)


@schedule(
    job=quality_job,
    cron_schedule="0 3 * * 1",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Evaluates the quality of every tenant's findings each Monday.",
)
def weekly_quality_evaluation(
    context: ScheduleEvaluationContext, retention_settings: RetentionSettingsResource
) -> Iterator[RunRequest | SkipReason]:
    """Asks for a run of each tenant, once for each week."""
    try:
        found = [str(tenant) for tenant in known_tenants(retention_settings.read())]
    except (SettingsError, psycopg.OperationalError) as error:
        yield SkipReason(str(error).strip().partition("\n")[0] or type(error).__name__)
        return
    context.instance.add_dynamic_partitions(str(tenants.name), found)
    due = context.scheduled_execution_time
    for tenant in found:
        yield RunRequest(
            run_key=f"quality {tenant} {due.date().isoformat()}",
            partition_key=tenant,
            tags={DUE: due.isoformat()},
        )
