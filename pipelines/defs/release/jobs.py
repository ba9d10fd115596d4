from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    RunRequest,
    ScheduleEvaluationContext,
    define_asset_job,
    in_process_executor,
    schedule,
)

from pipelines.defs.evaluation.assets import evaluation_report
from pipelines.defs.evaluation.jobs import evaluate_job
from pipelines.defs.executor import step_executor
from pipelines.defs.finetuning.assets import mapping_examples
from pipelines.defs.release.assets import mapper_bento, mapper_deployment, registered_model
from pipelines.defs.training.assets import lora_adapter, recipes
from pipelines.lib.release.registered_version import MODEL_PREFIX

DEFAULT_RECIPE = "smollm2-135m"
"""The recipe that is measured every week: the one that runs on any machine."""

candidate_job = define_asset_job(
    "candidate_job",
    # The data set first, so that no model is trained on rows that the checks would refuse.
    selection=AssetSelection.assets(mapping_examples, lora_adapter, evaluation_report, registered_model),
    description="Makes the data set, trains the model of one recipe, measures it, and registers it if every "
    "gate is passed.",
    partitions_def=recipes,
    # Each step takes every core itself, and loads the model anew.
    executor_def=step_executor(),
    tags={"concept": "model"},
)

release_job = define_asset_job(
    "release_job",
    selection=AssetSelection.assets(mapper_bento, mapper_deployment),
    description=f"Builds, tests and deploys the version of `{MODEL_PREFIX}<recipe>` that is approved.",
    partitions_def=recipes,
    executor_def=in_process_executor,
    tags={"concept": "model", "dagster/max_retries": "2"},
)


@schedule(
    job=evaluate_job,
    cron_schedule="0 4 * * 1",
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.STOPPED,
    description="Measures the trained model again every Monday: data, rules and golden set move on.",
)
def weekly_evaluation(context: ScheduleEvaluationContext) -> RunRequest:
    """Asks for an evaluation of the default recipe, once for each week."""
    due = context.scheduled_execution_time.date().isoformat()
    return RunRequest(run_key=f"{DEFAULT_RECIPE} {due}", partition_key=DEFAULT_RECIPE)
