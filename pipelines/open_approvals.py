"""The registry and the rules of approval of a data root. Needs MLflow, and nothing of the training."""

from pathlib import Path

from pipelines.lib.release.approval_log import ApprovalLog
from pipelines.lib.release.approve import Approvals
from pipelines.lib.release.mlflow_registry import MlflowRegistry
from pipelines.release_settings import ReleaseSettings
from pipelines.settings import Settings

LOG = "approvals.jsonl"
"""File name of the log below the data root."""


def open_approvals(settings: Settings, release_settings: ReleaseSettings) -> Approvals:
    """Returns the rules of approval over the registry and the log of a data root."""
    root = Path(settings.data_root)
    return Approvals(MlflowRegistry(root), ApprovalLog(root / LOG), four_eyes=release_settings.four_eyes)
