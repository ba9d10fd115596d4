import base64
from typing import Any

from dagster import (
    AssetExecutionContext,
    Backoff,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    StaticPartitionsDefinition,
    TableRecord,
    asset,
)

from pipelines.defs.finetuning.assets import GROUP, OWNERS, mapping_examples
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.lib.training.recipe import available_recipes

recipes = StaticPartitionsDefinition(list(available_recipes()))
"""One model for each recipe."""


@asset(
    deps=[mapping_examples],
    partitions_def=recipes,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "pytorch", "huggingface"},
    tags={"concept": "model", "personal_data": "none"},
    metadata={"guide": MetadataValue.path("docs/guides/training.md")},
    # A process that was killed goes on from its checkpoint when it is tried again.
    retry_policy=RetryPolicy(max_retries=2, delay=10, backoff=Backoff.EXPONENTIAL),
)
def lora_adapter(
    context: AssetExecutionContext, pipeline_settings: PipelineSettings
) -> MaterializeResult[None]:
    """A model of the mapper: LoRA adapter with its label tokens, embedding head and calibration.

    One partition for each recipe. Trained on the version of the data set that last passed every check.
    """
    from pipelines.lib.training.run_training import PLOT  # noqa: PLC0415 - the interface needs no torch
    from pipelines.make_adapter import make_adapter  # noqa: PLC0415

    outcome = make_adapter(pipeline_settings.read(), context.partition_key, context.log.info)
    if outcome is None:
        raise RuntimeError("a Dagster step is the first process of a training")
    report = outcome.report
    plot = base64.b64encode((outcome.folder / PLOT).read_bytes()).decode()
    figures = [TableRecord(_row(one)) for one in report.figures]
    return MaterializeResult(
        metadata={
            "folder": MetadataValue.path(outcome.folder.resolve()),
            "loss": MetadataValue.md(f"![losses and accuracy by step](data:image/png;base64,{plot})"),
            "tiers": MetadataValue.table(figures),
            "seconds": report.state.seconds,
            "best step": report.state.best_step,
            "resumed at step": report.resumed_at,
            "data set": report.origin.dataset_sha256,
            "edition": report.origin.edition,
            "run": report.origin.run,
            "mlflow run": outcome.mlflow_run,
            "environment": MetadataValue.json(report.environment),
        }
    )


def _row(figures: Any) -> dict[str, str | int | float]:  # noqa: ANN401 - its type is in a module with torch
    return {
        "rows": figures.rows,
        "tier": figures.tier,
        "cases": figures.cases,
        "accuracy": round(figures.accuracy, 4),
        "low": round(figures.low, 4),
        "high": round(figures.high, 4),
        "ece": round(figures.ece, 4),
    }
