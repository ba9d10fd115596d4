"""The command line of this service: ``python -m mapper_svc``."""

import json
import os
import sys
from pathlib import Path

import click
import msgspec

from mapper_svc.settings import DEFAULT_EDITION, SettingsError, describe, read_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Map what detectors say into one taxonomy."""


@cli.command()
def serve() -> None:
    """Serve the API until told to stop."""
    from mapper_svc.server import serve as run  # noqa: PLC0415 - other commands need no server

    run(read_settings(os.environ))


@cli.command()
@click.option("--down-to", metavar="REVISION", help="undo migrations down to this revision instead")
def migrate(down_to: str | None) -> None:
    """Bring the database schema to the newest version."""
    from mapper_svc.adapters import schema  # noqa: PLC0415 - other commands need no Alembic

    settings = read_settings(os.environ)
    if not settings.migration_database_url:
        raise click.ClickException("MAPPER_MIGRATION_DATABASE_URL is not set")
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
    from mapper_svc.app import create_app  # noqa: PLC0415 - other commands need no application
    from mapper_svc.settings import example_settings  # noqa: PLC0415

    document = create_app(example_settings()).openapi_schema.to_schema()
    click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


class _Editions(click.Group):
    """Reads the commands of `editions` only when one is called: others need no database."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        from mapper_svc.editions_command import editions  # noqa: PLC0415

        return editions.list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        from mapper_svc.editions_command import editions  # noqa: PLC0415

        return editions.get_command(ctx, cmd_name)


cli.add_command(
    _Editions("editions", help="Compare editions of the taxonomy, and migrate from one to the next.")
)


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--tier",
    type=click.Choice(["rule", "model", "semantic", "all"]),
    default="all",
    show_default=True,
    help="what answers: exact rules; the model; embedding head and likeness; or everything together",
)
@click.option("--url", help="ask a running mapper, with the token in MAPPER_TOKEN, instead of mapping here")
@click.option("--token", envvar="MAPPER_TOKEN", default="", hidden=True)
@click.option("--model-url", help="base URL of a Bento to ask, with its token in MAPPER_MODEL_TOKEN")
@click.option("--model-token", envvar="MAPPER_MODEL_TOKEN", default="", hidden=True)
@click.option(
    "--edition",
    envvar="MAPPER_TAXONOMY",
    default=DEFAULT_EDITION,
    help="edition of the taxonomy; else that of MAPPER_TAXONOMY, or its default",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def evaluate(file: Path, **options: object) -> None:
    """Score FILE, JSON lines of {vendor, raw, gold, also}."""
    from mapper_svc.evaluate_command import Asked, run  # noqa: PLC0415 - other commands need no catalogue

    run(file, msgspec.convert(options, Asked))


def main() -> None:
    """Run the command line; a wrong setting is one line, not a stack."""
    try:
        cli()
    except SettingsError as error:
        click.echo(f"mapper_svc: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
