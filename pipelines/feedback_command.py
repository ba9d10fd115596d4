"""`python -m pipelines feedback`: hands reviewed feedback on to training, and says what it left out."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import click
import psycopg

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.hand_on_feedback import HandedOn, hand_on_all
from pipelines.retention_settings import read_retention_settings
from pipelines.settings import SettingsError, read_settings


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; else PIPELINES_FEEDBACK.")
def feedback(out: Path | None) -> None:
    """Write what people decided and others accepted, of tenants that agreed, for the data set to read."""
    rows: Counter[str] = Counter()
    left_out: Counter[str] = Counter()

    def say(tenant: UUID, handed_on: HandedOn) -> None:
        agreed = [service for service, yes in handed_on.agreed.items() if yes]
        told = _counts(handed_on.rows) if agreed else "has not agreed to it"
        missing = [
            f"not agreed in {service}" for service, yes in handed_on.agreed.items() if agreed and not yes
        ]
        if handed_on.left_out:
            missing.append(f"left out: {_counts(handed_on.left_out)}")
        click.echo("; ".join([f"{tenant}  {told}", *missing]))
        rows.update(handed_on.rows)
        left_out.update(handed_on.left_out)

    try:
        settings = read_settings(os.environ)
        folder = out or Path(settings.feedback)
        removed = hand_on_all(read_retention_settings(os.environ), folder, settings.edition, say)
    except (SettingsError, DataFaultError) as error:
        raise click.ClickException(str(error)) from error
    except psycopg.OperationalError as error:
        raise click.ClickException(str(error).strip().partition("\n")[0]) from error
    for name in removed:
        click.echo(f"{name} is of no tenant any more: removed")
    click.echo(
        f"{rows.total()} rows in {folder}: {_counts(rows)}; left out {left_out.total()}: {_counts(left_out)}"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing"
