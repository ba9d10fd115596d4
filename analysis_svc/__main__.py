"""The command line of this service: ``python -m analysis_svc``."""

import json
import os
import sys

import click

from analysis_svc.audit_commands import audit
from analysis_svc.domain.errors import ServiceError
from analysis_svc.evidence_commands import evidence_key, verify
from analysis_svc.framework_commands import frameworks
from analysis_svc.knowledge_command import knowledge
from analysis_svc.report_commands import verify_report
from analysis_svc.settings import SettingsError, describe, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Score the risk of findings and tie them to controls."""


@cli.command()
def serve() -> None:
    """Serve the API until told to stop."""
    from analysis_svc.server import serve as run  # noqa: PLC0415 - other commands need no server

    run(read_settings(os.environ))


@cli.command()
@click.option("--down-to", metavar="REVISION", help="undo migrations down to this revision instead")
def migrate(down_to: str | None) -> None:
    """Bring the database schema to the newest version."""
    from analysis_svc.adapters import schema  # noqa: PLC0415 - other commands need no Alembic

    settings = read_settings(os.environ)
    if not settings.migration_database_url:
        raise click.ClickException("ANALYSIS_MIGRATION_DATABASE_URL is not set")
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
    from analysis_svc.app import create_app  # noqa: PLC0415 - other commands need no application
    from analysis_svc.settings import example_settings  # noqa: PLC0415

    document = create_app(example_settings()).openapi_schema.to_schema()
    click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


for command in (audit, evidence_key, frameworks, knowledge, verify, verify_report):
    cli.add_command(command)


@cli.command()
def worker() -> None:
    """Make reports until told to stop; any number of these may run."""
    from analysis_svc.worker import work  # noqa: PLC0415 - other commands need no worker

    work()


def main() -> None:
    """Run the command line; a wrong setting or an error of the closed set is one line, not a stack."""
    try:
        cli()
    except SettingsError as error:
        click.echo(f"analysis_svc: {error}", err=True)
        sys.exit(2)
    except ServiceError as error:
        click.echo(f"analysis_svc: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
