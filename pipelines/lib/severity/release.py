"""Tables that beat the formula, as the file that analysis_svc reads, and as a version in MLflow."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from analysis_svc.adapters.plugins.severity_calibrator import ReleasedCalibration, ReleasedTable
from analysis_svc.domain.severity_calibration import GRID
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.severity.calibrate import Trial

MODEL = "analysis-severity"
FILE = "calibration.json"


def write_release(folder: Path, trials: Sequence[Trial]) -> Path | None:
    """Write what passed under a name that is the hash of it; None when nothing did."""
    tables = [
        ReleasedTable(
            trial.detector,
            trial.label,
            list(trial.values),
            trial.rows,
            trial.error_of_formula or 0.0,
            trial.error or 0.0,
        )
        for trial in trials
        if trial.values
    ]
    if not tables:
        return None
    version = hashlib.sha256(msgspec.json.encode(tables)).hexdigest()[:12]
    path = folder / version / FILE
    write_atomically(
        path, msgspec.json.format(msgspec.json.encode(ReleasedCalibration(version, list(GRID), tables)))
    )
    return path


def register_release(path: Path, data_root: Path, trials: Sequence[Trial]) -> str:
    """Make a version of a release in MLflow, with the figures it passed by; the same release is one version.

    Returns:
        The number of the version.
    """
    from mlflow import MlflowClient  # noqa: PLC0415 - only who registers needs MLflow
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    from pipelines.lib.mlflow_store import open_experiment, tracking_uri  # noqa: PLC0415

    client = MlflowClient(tracking_uri(data_root))
    release = path.parent.name
    try:
        client.create_registered_model(MODEL)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in client.search_model_versions(f"name = '{MODEL}'"):
        if known.tags.get("release") == release:
            return str(known.version)
    run = client.create_run(open_experiment(client, data_root), run_name=f"severity {release}")
    client.log_artifact(run.info.run_id, str(path))
    for trial in trials:
        if trial.error is not None and trial.error_of_formula is not None:
            name = f"{trial.detector}.{trial.label}"
            client.log_metric(run.info.run_id, f"{name}.error", trial.error)
            client.log_metric(run.info.run_id, f"{name}.error_of_formula", trial.error_of_formula)
    client.set_terminated(run.info.run_id)
    made = client.create_model_version(
        MODEL, f"{run.info.artifact_uri}/{FILE}", run_id=run.info.run_id, tags={"release": release}
    )
    return str(made.version)
