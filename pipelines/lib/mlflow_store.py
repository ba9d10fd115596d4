"""Where MLflow keeps runs, models and their files. Needs MLflow, and nothing of the training."""

import getpass
import os
from pathlib import Path

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_USER

EXPERIMENT = "mapper"
"""The one experiment that all runs of the mapper's model belong to."""
USER_TAG: str = MLFLOW_USER
"""The tag that MLflow's interface shows as the user of a run."""


def tracking_uri(data_root: Path) -> str:
    """Returns where runs are kept: MLFLOW_TRACKING_URI if it is set, else a SQLite file under the root."""
    given = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    return given or f"sqlite:///{(data_root / 'mlflow.db').resolve()}"


def artifact_root(data_root: Path) -> Path:
    """Returns the folder for the files of runs: PIPELINES_ARTIFACTS if it is set, else one under the root.

    An experiment keeps the folder that it was made with; a server has one of its own and is not told.
    """
    given = os.environ.get("PIPELINES_ARTIFACTS", "").strip()
    return Path(given) if given else data_root / "mlruns"


def open_experiment(client: MlflowClient, data_root: Path) -> str:
    """Returns the id of the experiment, which is made if it is not there."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    location = artifact_root(data_root).resolve().as_uri() if _is_local(data_root) else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=location))


def person_at_work() -> str:
    """Returns who makes a run or a version: PIPELINES_ACTOR if it is set, else the account of the machine."""
    return os.environ.get("PIPELINES_ACTOR", "").strip() or getpass.getuser()


def _is_local(data_root: Path) -> bool:
    return not tracking_uri(data_root).startswith(("http://", "https://"))
