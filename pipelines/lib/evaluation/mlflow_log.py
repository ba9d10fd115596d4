"""The report beside the training that it measures, in the same run of MLflow."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from pipelines.lib.evaluation.gate_figures import gate_figures
from pipelines.lib.evaluation.report import REPORT, EvaluationReport

_FOLDER = "evaluation"
_MARK = "evaluation.passed"


def log_evaluation(
    client: MlflowClient, experiment: str, folder: Path, report: EvaluationReport, plots: Mapping[str, bytes]
) -> str | None:
    """Adds a report to the last run of its training.

    Args:
        client: the store.
        experiment: name of the experiment of the trainings.
        folder: the trained folder, with the report and the plots in it.
        report: what was measured.
        plots: names of the plots.

    Returns:
        The id of the run; None when the store knows none of this training.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return None
    runs = client.search_runs(
        [found.experiment_id],
        filter_string=f"tags.run = '{report.evaluated.run}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    if not runs:
        return None
    run: str = runs[0].info.run_id
    gates = {f"gate.{gate.name}": "passed" if gate.passed else "failed" for gate in report.gates}
    tags = {_MARK: str(report.passed).lower(), **gates}
    client.log_batch(
        run, metrics=list(_metrics(report)), tags=[RunTag(key, value) for key, value in tags.items()]
    )
    for name in (REPORT, *plots):
        client.log_artifact(run, str(folder / name), _FOLDER)
    return run


def _metrics(report: EvaluationReport) -> Iterator[Metric]:
    for score in report.tiers:
        for name, figure in (("accuracy", score.accuracy), ("macro_f1", score.macro_f1)):
            for part in ("value", "low", "high"):
                yield _metric(f"evaluation/{score.cases}/{score.tier}/{name}/{part}", getattr(figure, part))
    for name, found in gate_figures(report).items():
        if found.value is not None:
            yield _metric(f"gate/{name}", found.value)


def _metric(name: str, value: float) -> Metric:
    return Metric(name.replace(" ", "_"), value, 0, 0)
