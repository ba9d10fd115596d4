"""Every vendor family left out in turn, for the command line."""

import importlib.metadata
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.evaluation.folds import FOLDS, FoldsReport
from pipelines.lib.evaluation.folds_plot import FOLDS_PLOT, folds_png
from pipelines.lib.evaluation.run_folds import FoldPlan, run_folds
from pipelines.lib.evaluation.train_fold import HeadTrainer, WholeTrainer
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.scoring.embedder import load_embedder
from pipelines.lib.training.recipe import load_recipe
from pipelines.make_adapter import adapter_folder
from pipelines.settings import Settings

ALL, HEAD = "all", "head"
"""What is trained without each family: every tier, or only the embedding head, which is quick."""
_LIBRARIES = ("torch", "transformers", "peft", "numpy", "scipy")


def folds_folder(settings: Settings, recipe: str, tiers: str) -> Path:
    """Returns where the folds of a recipe are written."""
    return Path(settings.data_root) / "folds" / recipe / tiers


def make_folds(
    settings: Settings,
    recipe: str,
    tiers: str,
    say: Callable[[str], None],
    *,
    at_once: int = 1,
    folder: Path | None = None,
) -> FoldsReport:
    """Trains without each vendor family in turn, and pools what was found.

    Writes one file for each family, `folds.json` and a plot below the data root, and both into the trained
    folder, if there is one, for its model card; figures of the head alone never replace those of every tier.

    Args:
        settings: where things are.
        recipe: name of the recipe.
        tiers: `ALL` or `HEAD`.
        say: is told each step.
        at_once: how many families are left out together.
        folder: the trained folder; by default the recipe's below the data root.
    """
    root, out = Path(settings.data_root), folds_folder(settings, recipe, tiers)
    loaded, embedder = load_recipe(recipe), load_embedder()
    trainer = (
        HeadTrainer(embedder, loaded.seed) if tiers == HEAD else WholeTrainer(loaded, root, out / "work")
    )
    versions = tuple(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    plan = FoldPlan(
        recipe=loaded,
        tiers=tiers,
        sources=DatasetSources(edition=settings.edition, feedback=Path(settings.feedback)),
        folder=out,
        at_once=at_once,
        train=trainer.answer,
        versions=(*versions, embedder.sha256),
    )
    report = run_folds(plan, say)
    shutil.rmtree(out / "work", ignore_errors=True)
    write_atomically(out / FOLDS, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    write_atomically(out / FOLDS_PLOT, folds_png(report))
    say(f"written to {out / FOLDS}")
    trained = folder or adapter_folder(settings, recipe)
    if trained.is_dir() and (tiers == ALL or not _of_every_tier(trained / FOLDS)):
        for name in (FOLDS, FOLDS_PLOT):
            write_atomically(trained / name, (out / name).read_bytes())
        say(f"and to {trained / FOLDS}")
    return report


def _of_every_tier(path: Path) -> bool:
    if not path.is_file():
        return False
    return msgspec.json.decode(path.read_bytes(), type=FoldsReport).tiers_trained == ALL
