"""The report of a trained model, for the command line and for Dagster alike."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from pipelines.lib.dataset_folder import current_folder
from pipelines.lib.evaluation.report import EvaluationReport
from pipelines.lib.evaluation.run_evaluation import run_evaluation
from pipelines.lib.release.mlflow_registry import MlflowRegistry
from pipelines.lib.release.registered_version import MODEL_PREFIX, Alias
from pipelines.make_adapter import adapter_folder
from pipelines.settings import Settings

SHIPPED = Path(__file__).parents[1] / "bentos" / "llm" / "release"
"""The releases that come with the repository, by recipe: in use where nobody has approved another."""


def make_report(
    settings: Settings,
    recipe: str,
    say: Callable[[str], None],
    *,
    folder: Path | None = None,
    data: Path | None = None,
    against: Path | None = None,
) -> EvaluationReport:
    """Measures a trained model and holds it to the gates.

    Args:
        settings: where things are.
        recipe: name of the recipe.
        say: is told each step.
        folder: the trained folder; by default the recipe's below the data root.
        data: folder of a version of the data set; by default the one that last passed every check.
        against: folder of the version to compare with; by default the approved one of the registry, or else
            the one that comes with the repository.

    Returns:
        The report, as it was written beside the model.
    """
    root = Path(settings.data_root)
    trained = folder or adapter_folder(settings, recipe)
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        in_use = against or _version_in_use(root, recipe, Path(scratch) / recipe, say)
        return run_evaluation(trained, data or current_folder(root), root, in_use, say)


def _version_in_use(root: Path, recipe: str, scratch: Path, say: Callable[[str], None]) -> Path | None:
    registry = MlflowRegistry(root)
    approved = registry.holder(f"{MODEL_PREFIX}{recipe}", Alias.APPROVED)
    if approved is not None:
        say(f"the version in use is {approved.model} {approved.number}")
        registry.fetch(approved, scratch)
        return scratch
    shipped = SHIPPED / recipe
    return shipped if (shipped / "origin.json").is_file() else None
