"""A version in the registry from an evaluated folder, for the command line and for Dagster alike."""

from collections.abc import Callable
from pathlib import Path

from pipelines.lib.release.mlflow_registry import MlflowRegistry
from pipelines.lib.release.register import Registered, register
from pipelines.make_adapter import adapter_folder
from pipelines.settings import Settings


def make_version(
    settings: Settings, recipe: str, say: Callable[[str], None], *, folder: Path | None = None
) -> Registered:
    """Registers the trained and evaluated model of a recipe.

    Args:
        settings: where things are.
        recipe: name of the recipe.
        say: is told each step.
        folder: the trained folder; by default the recipe's below the data root.

    Raises:
        ReleaseError: a gate failed, or the model does not load by itself.
        ModelInputError: the parts of the folder do not belong together.
    """
    root = Path(settings.data_root)
    return register(MlflowRegistry(root), folder or adapter_folder(settings, recipe), root, say)
