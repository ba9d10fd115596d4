from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, TableRecord, asset

from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.lib.severity.calibrate import Trial

OWNERS = ["team:model"]


@asset(
    group_name="severity",
    owners=OWNERS,
    kinds={"python", "scikitlearn", "mlflow"},
    tags={"concept": "model", "personal_data": "none"},
    metadata={"guide": MetadataValue.path("docs/guides/plugins.md")},
)
def severity_calibration(
    context: AssetExecutionContext,
    pipeline_settings: PipelineSettings,
    retention_settings: RetentionSettingsResource,
) -> MaterializeResult[None]:
    """How bad findings are by people's word, for the detectors and labels where that beats the formula.

    Learned from texts with human severities and from reviewed feedback; what does not beat the formula on
    held-out findings is not released.
    """
    from pipelines.make_calibration import make_calibration  # noqa: PLC0415 - the interface needs no scikit-learn

    made = make_calibration(pipeline_settings.read(), retention_settings.read(), context.log.info)
    rows = [TableRecord(_record(trial)) for trial in made.trials]
    return MaterializeResult(
        metadata={
            "tried": len(made.trials),
            "released": sum(bool(trial.values) for trial in made.trials),
            "version in MLflow": made.version or "none: the formula holds alone",
            **({"file": MetadataValue.path(made.file.resolve())} if made.file else {}),
            **({"trials": MetadataValue.table(rows)} if rows else {}),
        }
    )


def _record(trial: Trial) -> dict[str, str | int]:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.4f}"

    return {
        "detector": trial.detector,
        "label": trial.label,
        "rows": trial.rows,
        "squared error of the formula": shown(trial.error_of_formula),
        "squared error": shown(trial.error),
        "least gain": shown(trial.least_gain),
        "not released because": trial.why or "-",
    }
