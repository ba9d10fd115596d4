from collections.abc import Iterator

import psycopg
from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleEvaluationContext,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
    sensor,
)

from pipelines.defs.retention.assets import (
    analysis_retention,
    mapper_retention,
    orchestration_retention,
    subject_erasure,
    tenants,
)
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.keep_terms import erasures_waiting
from pipelines.keep_terms import tenants as known_tenants
from pipelines.settings import SettingsError

SECONDS = 60
"""How often requests to erase are looked for."""

retention_job = define_asset_job(
    "retention_job",
    selection=AssetSelection.assets(
        analysis_retention, mapper_retention, orchestration_retention, subject_erasure
    ),
    description="Deletes what is due of one tenant in all three services, and erases what was asked for.",
    # Statements that the databases work on; a process for each step would take longer to start.
    executor_def=in_process_executor,
    tags={"concept": "retention", "dagster/max_retries": "2"},
)

erasure_job = define_asset_job(
    "erasure_job",
    selection=AssetSelection.assets(subject_erasure),
    description="Erases what persons of one tenant asked for.",
    executor_def=in_process_executor,
    tags={"concept": "retention", "dagster/max_retries": "2"},
)


@schedule(
    job=retention_job,
    cron_schedule="15 2 * * *",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Deletes every night what is due, one run for each tenant.",
)
def nightly_retention(
    context: ScheduleEvaluationContext, retention_settings: RetentionSettingsResource
) -> Iterator[RunRequest | SkipReason]:
    """Asks for a run of each tenant, once for each night."""
    try:
        found = [str(tenant) for tenant in known_tenants(retention_settings.read())]
    except (SettingsError, psycopg.OperationalError) as error:
        yield SkipReason(_one_line(error))
        return
    context.instance.add_dynamic_partitions(str(tenants.name), found)
    due = context.scheduled_execution_time.date().isoformat()
    for tenant in found:
        yield RunRequest(run_key=f"{tenant} {due}", partition_key=tenant)


@sensor(
    job=erasure_job,
    minimum_interval_seconds=SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Erases soon what was asked for by POST /api/v1/erasures.",
)
def erasures_asked_for(
    context: SensorEvaluationContext, retention_settings: RetentionSettingsResource
) -> Iterator[RunRequest | SkipReason]:
    """Asks for a run for each new request; what a hold kept is looked at again every night."""
    try:
        found = [one for one in erasures_waiting(retention_settings.read()) if one[2] == "pending"]
    except (SettingsError, psycopg.OperationalError) as error:
        yield SkipReason(_one_line(error))
        return
    context.instance.add_dynamic_partitions(
        str(tenants.name), sorted({str(tenant) for tenant, _, _ in found})
    )
    for tenant, request, _ in found:
        yield RunRequest(run_key=f"erasure {request}", partition_key=str(tenant))


def _one_line(error: Exception) -> str:
    # The driver's message may go on with the address for lines; a password is in none of them.
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
