"""A trained model from a recipe and the current data set, for the command line and for Dagster alike."""

from collections.abc import Callable
from pathlib import Path

from pipelines.lib.dataset_folder import current_folder
from pipelines.lib.training.recipe import load_recipe
from pipelines.lib.training.run_training import Outcome, run_training
from pipelines.settings import Settings


def adapter_folder(settings: Settings, recipe: str) -> Path:
    """Returns where the model of a recipe is written."""
    return Path(settings.data_root) / "lora_adapter" / recipe


def make_adapter(
    settings: Settings,
    recipe: str,
    say: Callable[[str], None],
    *,
    data: Path | None = None,
    out: Path | None = None,
) -> Outcome | None:
    """Trains by a recipe.

    Args:
        settings: where things are.
        recipe: name of the recipe.
        say: is told each step.
        data: folder of a version of the data set; by default the one that last passed every check.
        out: folder to write; by default the recipe's below the data root.

    Returns:
        What came of it; None in every process but the first, when there are several.
    """
    root = Path(settings.data_root)
    return run_training(
        load_recipe(recipe),
        data or current_folder(root),
        out or adapter_folder(settings, recipe),
        root,
        say,
    )
