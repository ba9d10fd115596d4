"""`python -m pipelines evaluate` and `evaluate-folds`."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.dataset_folder import DatasetFaultError
from pipelines.lib.evaluation.text_report import as_text, folds_table
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.settings import SettingsError, read_settings

_RECIPE = click.option("--recipe", default="smollm2-135m", show_default=True, help="Name of a recipe.")
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@_RECIPE
@click.option("--folder", type=_FOLDER, help="Trained folder; else the recipe's below the data root.")
@click.option("--data", type=_FOLDER, help="Folder of a data set; else the current one.")
@click.option("--against", type=_FOLDER, help="Trained folder to compare with; else the version in use.")
def evaluate(recipe: str, folder: Path | None, data: Path | None, against: Path | None) -> None:
    """Measure a trained model, write the report beside it, and hold it to the gates.

    Ends with exit code 1 when a gate is not passed.
    """
    say = _clock()
    with _errors_in_one_line():
        from pipelines.make_report import make_report  # noqa: PLC0415 - other commands need no torch

        report = make_report(
            read_settings(os.environ), recipe, say, folder=folder, data=data, against=against
        )
    click.echo(f"\n{as_text(report)}\n")
    failed = [gate.name for gate in report.gates if not gate.passed]
    if failed:
        raise click.ClickException(
            f"{len(failed)} of {len(report.gates)} gates not passed: {', '.join(failed)}"
        )


@click.command("evaluate-folds")
@_RECIPE
@click.option(
    "--tiers",
    type=click.Choice(["all", "head"]),
    default="all",
    show_default=True,
    help="What is trained without each family: every tier, or only the embedding head, which is quick.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Families left out together: quicker, and each training has less to learn from.",
)
@click.option("--folder", type=_FOLDER, help="Trained folder that the figures go into as well.")
def evaluate_folds(recipe: str, tiers: str, at_once: int, folder: Path | None) -> None:
    """Leave every vendor family out of training in turn, and pool the figures.

    Takes one training for each family, or for each few. Stopped and started again, it goes on where it was.
    """
    say = _clock()
    with _errors_in_one_line():
        from pipelines.make_folds import make_folds  # noqa: PLC0415 - other commands need no torch

        report = make_folds(read_settings(os.environ), recipe, tiers, say, at_once=at_once, folder=folder)
    click.echo(f"\n{folds_table(report)}\n")


def _clock() -> Callable[[str], None]:
    began = time.monotonic()

    def say(step: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {step}")

    return say


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: install the extra `training`") from error
    except (DataFaultError, DatasetFaultError, SettingsError, ModelInputError, ReleaseError) as error:
        raise click.ClickException(str(error)) from error
