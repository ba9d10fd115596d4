"""`python -m pipelines register`, `approve`, `models`, `approvals` and `deploy`."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.release.approval_log import ApprovalLog
from pipelines.lib.release.approve import Approvals, Approver
from pipelines.lib.release.registered_version import RegisteredVersion, model_of
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.release.version_table import version_table
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.release_settings import read_release_settings
from pipelines.settings import SettingsError, read_settings

_RECIPE = click.option("--recipe", default="smollm2-135m", show_default=True, help="Name of a recipe.")
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@_RECIPE
@click.option("--folder", type=_FOLDER, help="Trained and evaluated folder; else the recipe's.")
def register(recipe: str, folder: Path | None) -> None:
    """Register a trained and evaluated model as the candidate; refused when a gate failed."""
    say = _clock()
    with _errors_in_one_line():
        from pipelines.make_version import make_version  # noqa: PLC0415 - other commands need no torch

        found = make_version(read_settings(os.environ), recipe, say, folder=folder)
    click.echo(_line(found.version))


@click.command()
@click.argument("version")
@click.option("--by", "name", required=True, help="Your name.")
@click.option("--reason", required=True, help="Why this version, in words.")
@_RECIPE
def approve(version: str, name: str, reason: str, recipe: str) -> None:
    """Say yes to VERSION: a number, or `candidate`; `previous` rolls back.

    Refused when a gate failed, with no way around it. What is approved is built, tested and served by
    Dagster's sensor, or by `python -m pipelines deploy`.
    """
    with _errors_in_one_line():
        said = _approvals().approve(model_of(recipe), version, Approver(name, reason))
    if said.missing:
        click.echo(f"written down: {said.version.name} is approved by {', '.join(said.approvers)}")
        click.echo(f"{said.missing} more person has to approve it before it is used")
        return
    instead = f", instead of version {said.before}" if said.before else ""
    click.echo(f"{said.version.name} is the approved version now{instead}")
    click.echo("Dagster builds, tests and deploys it when its daemon runs; else: python -m pipelines deploy")


@click.command()
@_RECIPE
def deploy(recipe: str) -> None:
    """Build and test the Bento of the approved version, and have it served: what Dagster's sensor does."""
    say = _clock()
    with _errors_in_one_line():
        from pipelines.make_deployment import deploy as deploy_version  # noqa: PLC0415 - it needs MLflow
        from pipelines.make_deployment import make_bento  # noqa: PLC0415

        settings, release_settings = read_settings(os.environ), read_release_settings(os.environ)
        _quiet()
        make_bento(settings, release_settings, recipe, say)
        deploy_version(settings, release_settings, recipe, say)


@click.command()
@click.option("--recipe", help="Name of a recipe; else all.")
def models(recipe: str | None) -> None:
    """List the registered versions with their aliases."""
    with _errors_in_one_line():
        registry = _approvals().registry
        names = [model_of(recipe)] if recipe else registry.models()
        for name in names:
            versions = registry.versions(name)
            click.echo(f"{name}\n\n{version_table(versions) if versions else 'no version'}\n")
    if not names:
        click.echo("nothing is registered yet: python -m pipelines register")


@click.command()
def approvals() -> None:
    """Print who approved what, when and why; exit code 1 when the log was changed."""
    with _errors_in_one_line():
        from pipelines.open_approvals import LOG  # noqa: PLC0415 - it needs MLflow

        entries = ApprovalLog(Path(read_settings(os.environ).data_root) / LOG).entries()
    for one in entries:
        click.echo(
            f"{one.at:%Y-%m-%d %H:%M:%S}  {one.act:<8}  {one.model}/{one.version}  release {one.release}  "
            f"{one.by} ({one.account}): {one.reason}"
        )
    click.echo(f"{len(entries)} entries, the chain holds")


def _approvals() -> Approvals:
    from pipelines.open_approvals import open_approvals  # noqa: PLC0415 - help needs no MLflow

    _quiet()
    return open_approvals(read_settings(os.environ), read_release_settings(os.environ))


def _quiet() -> None:
    for chatty in ("mlflow", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _line(version: RegisteredVersion) -> str:
    return version_table([version])


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
    except (DataFaultError, SettingsError, ModelInputError, ReleaseError) as error:
        raise click.ClickException(str(error)) from error
