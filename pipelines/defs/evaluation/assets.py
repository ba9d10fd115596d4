import base64
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
)

from pipelines.defs.finetuning.assets import OWNERS
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.training.assets import lora_adapter, recipes
from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import GateOutcome, load_gates
from pipelines.lib.evaluation.report import POOLED, REPORT, EvaluationReport
from pipelines.lib.evaluation.text_report import as_text

GROUP = "evaluation"
ASSET = "evaluation_report"
_GATES = load_gates(tuple(FIGURES))


@asset(
    name=ASSET,
    deps=[lora_adapter],
    partitions_def=recipes,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "pytorch", "mlflow"},
    tags={"concept": "evaluation", "personal_data": "none"},
    metadata={"guide": MetadataValue.path("docs/guides/evaluating-models.md")},
    # In the step itself: what is measured and what is asked of it belong to one version of one recipe.
    check_specs=[
        AssetCheckSpec(gate.name, asset=ASSET, description=f"{gate.required}. {gate.why}.", blocking=True)
        for gate in _GATES
    ],
)
def evaluation_report(
    context: AssetExecutionContext, pipeline_settings: PipelineSettings
) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it without its argument only
    """How good a trained model is where nothing was chosen: accuracy, calibration, abstention, speed.

    One partition for each recipe; written as `evaluation.json` and plots into the trained folder. Each gate
    is a check: after one that failed nothing is registered.
    """
    from pipelines.make_adapter import adapter_folder  # noqa: PLC0415 - the interface needs no torch
    from pipelines.make_report import make_report  # noqa: PLC0415

    settings = pipeline_settings.read()
    folder = adapter_folder(settings, context.partition_key)
    report = make_report(settings, context.partition_key, context.log.info)
    plots = {
        path.stem.replace("_", " "): _picture(path.stem, path.read_bytes())
        for path in sorted(folder.glob("evaluation_*.png"))
    }
    return MaterializeResult(
        metadata={
            **_figures(report),
            **plots,
            "report": MetadataValue.md(as_text(report)),
            "tiers": _tiers(report),
            "file": MetadataValue.path((folder / REPORT).resolve()),
            "training": report.evaluated.run,
            "data set": report.evaluated.dataset_sha256,
            "compared with": report.compared.note,
        },
        check_results=[_check(gate) for gate in report.gates],
    )


def _figures(report: EvaluationReport) -> dict[str, float | int]:
    """Returns the numbers that Dagster plots from version to version."""
    figures: dict[str, float | int] = {"ece": report.calibration[POOLED].ece, "p95 ms": report.latency.p95}
    for kind in ("held-out families", "free form"):
        accuracy = report.accuracy(kind)
        if accuracy is not None:
            figures[f"accuracy, {kind}"] = accuracy.value
    for name, found in report.at_threshold.items():
        if found.precision is not None:
            figures[f"precision above the threshold, {name}"] = found.precision.value
            figures[f"coverage above the threshold, {name}"] = found.coverage.value
    return figures


def _picture(name: str, png: bytes) -> MetadataValue[Any]:
    return MetadataValue.md(f"![{name}](data:image/png;base64,{base64.b64encode(png).decode()})")


def _tiers(report: EvaluationReport) -> MetadataValue[Any]:
    def shown(figure: Figure | None) -> str:
        return "-" if figure is None else str(figure)

    return MetadataValue.table(
        [
            TableRecord(
                {
                    "cases": str(one.cases),
                    "tier": one.tier,
                    "n": one.accuracy.cases,
                    "accuracy": shown(one.accuracy),
                    "macro-F1": shown(one.macro_f1),
                    "mean by vendor": shown(one.by_vendor),
                    "coverage": shown(one.coverage),
                    "precision": shown(one.precision),
                }
            )
            for one in report.tiers
        ]
    )


def _check(gate: GateOutcome) -> AssetCheckResult:
    return AssetCheckResult(
        check_name=gate.name,
        passed=gate.passed,
        description=gate.found,
        metadata={"asked": gate.required, "found": gate.found, "why": gate.why},
    )
