"""The command line of this service: ``python -m orchestration_svc``."""

import json
import os
import sys

import click

from orchestration_svc.access_commands import audit, keys, signing_keys, tenants
from orchestration_svc.domain.errors import ServiceError
from orchestration_svc.settings import SettingsError, describe, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run detectors, have what they say mapped and analysed."""


@cli.command()
def serve() -> None:
    """Serve the API until told to stop."""
    from orchestration_svc.server import serve as run  # noqa: PLC0415 - other commands need no server

    run(read_settings(os.environ))


@cli.command()
@click.option("--down-to", metavar="REVISION", help="undo migrations down to this revision instead")
def migrate(down_to: str | None) -> None:
    """Bring the database schema to the newest version."""
    from orchestration_svc.adapters import schema  # noqa: PLC0415 - other commands need no Alembic

    settings = read_settings(os.environ)
    if not settings.migration_database_url:
        raise click.ClickException("ORCHESTRATION_MIGRATION_DATABASE_URL is not set")
    if down_to:
        schema.downgrade(
            settings.migration_database_url, settings.runtime_role, settings.pipeline_role, down_to
        )
    else:
        schema.upgrade(settings.migration_database_url, settings.runtime_role, settings.pipeline_role)


@cli.command("settings")
def show_settings() -> None:
    """Print every setting with its meaning; secrets are masked."""
    rows = describe(read_settings(os.environ))
    width = max(len(name) for name, _, _ in rows)
    for name, value, meaning in rows:
        click.echo(f"{name:<{width}}  {value or '(empty)'}\n{'':<{width}}  {meaning}")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from orchestration_svc.app import create_app  # noqa: PLC0415 - other commands need no application
    from orchestration_svc.settings import example_settings  # noqa: PLC0415

    document = create_app(example_settings()).openapi_schema.to_schema()
    click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


@cli.command()
def worker() -> None:
    """Run jobs until told to stop; any number of these may run."""
    from orchestration_svc.worker import work  # noqa: PLC0415 - other commands need no application

    work()


for group in (tenants, keys, signing_keys, audit):
    cli.add_command(group)


def main() -> None:
    """Run the command line; an error of the closed set is one line, not a stack."""
    try:
        cli()
    except SettingsError as error:
        click.echo(f"orchestration_svc: {error}", err=True)
        sys.exit(2)
    except ServiceError as error:
        where = f" ({error.field})" if error.field else ""
        click.echo(f"orchestration_svc: {error.code.value}: {error.detail}{where}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
