"""`python -m pipelines`: the pipelines without Dagster's interface."""

import os
import sys
import time
from pathlib import Path

import click
import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.evaluation_commands import evaluate, evaluate_folds
from pipelines.feedback_command import feedback
from pipelines.lib.build_dataset import Manifest
from pipelines.lib.dataset_folder import DatasetFaultError, publish
from pipelines.lib.read_vendors import UnlistedVendorError
from pipelines.lib.run_checks import run_checks
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.make_dataset import make_dataset
from pipelines.release_commands import approvals, approve, deploy, models, register
from pipelines.settings import SettingsError, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Makes the data and the models of the mapper."""


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write under.")
def dataset(out: Path | None) -> None:
    """Make the data set, check it, and make it the current one if every check passes."""
    began = time.monotonic()

    def say(step: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {step}")

    try:
        settings = read_settings(os.environ)
        if out is not None:
            settings = msgspec.structs.replace(settings, data_root=str(out))
        made, folder = make_dataset(settings, say)
    except (DataFaultError, UnlistedVendorError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    failed = 0
    for outcome in run_checks(made.examples, made.labels):
        say(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.check.name}")
        for failure in outcome.failures:
            click.echo(f"          {failure}")
        failed += not outcome.passed
    _summarise(made.manifest)
    if failed:
        raise click.ClickException(f"{failed} checks failed: this version is not for training")
    publish(Path(settings.data_root), folder.name)
    say(f"{folder.name} is the current data set")


@main.command()
@click.option("--recipe", default="smollm2-135m", show_default=True, help="Name of a recipe.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of a data set; else the current one.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; else one below the data root.")
def train(recipe: str, data: Path | None, out: Path | None) -> None:
    """Train a model by a recipe, and print how good each tier is."""
    began = time.monotonic()

    def say(step: str) -> None:
        click.echo(f"{time.monotonic() - began:6.1f} s  {step}")

    try:
        from pipelines.make_adapter import make_adapter  # noqa: PLC0415 - other commands need no torch
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed: install the extra `training`") from error
    try:
        make_adapter(read_settings(os.environ), recipe, say, data=data, out=out)
    except (DataFaultError, DatasetFaultError, SettingsError, ModelInputError) as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--recipe", default="smollm2-135m", show_default=True, help="Name of a recipe.")
@click.pass_context
def candidate(context: click.Context, recipe: str) -> None:
    """Make data set, adapter, report and candidate, one after the other; what fails is the last.

    One process for all four: loading the libraries takes as long as some of the steps.
    """
    context.invoke(dataset, out=None)
    context.invoke(train, recipe=recipe, data=None, out=None)
    context.invoke(evaluate, recipe=recipe, folder=None, data=None, against=None)
    context.invoke(register, recipe=recipe, folder=None)


main.add_command(feedback)
main.add_command(evaluate)
main.add_command(evaluate_folds)
for _command in (register, approve, deploy, models, approvals):
    main.add_command(_command)


def _summarise(manifest: Manifest) -> None:
    click.echo(f"\n{manifest.rows} rows, edition {manifest.edition}, sha256 {manifest.content_sha256}")
    for name in ("split source", "lang"):
        click.echo(f"  {name}: " + ", ".join(f"{key} {rows}" for key, rows in manifest.counts[name].items()))
    click.echo("  removed: " + ", ".join(f"{key} {rows}" for key, rows in manifest.removed.items()))
    click.echo(f"  opaque: {sum(manifest.opaque.values())}, ambiguous: {sum(manifest.ambiguous.values())}\n")


if __name__ == "__main__":
    sys.exit(main(prog_name="python -m pipelines"))
