"""The data set from sources to a published version, for the command line and for Dagster alike."""

from collections.abc import Callable
from pathlib import Path

from pipelines.lib.build_dataset import Dataset, DatasetSources, build_dataset
from pipelines.lib.coverage_plot import label_coverage_png
from pipelines.lib.dataset_folder import write_dataset
from pipelines.settings import Settings

PLOT = "label_coverage.png"
"""File name of the plot beside the rows."""


def make_dataset(settings: Settings, say: Callable[[str], None]) -> tuple[Dataset, Path]:
    """Builds the data set, writes it under the data root and returns it with its folder.

    Nothing is published: that is for whoever has run the checks.

    Args:
        settings: where things are.
        say: is told each step.
    """
    dataset = build_dataset(DatasetSources(edition=settings.edition, feedback=Path(settings.feedback)), say)
    plot = label_coverage_png(dataset.examples, dataset.labels)
    folder = write_dataset(Path(settings.data_root), dataset, {PLOT: plot})
    say(f"written to {folder}")
    return dataset, folder
