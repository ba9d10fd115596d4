"""``python -m mapper_svc evaluate``: score a file of labelled rows, offline."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from mapper_svc.adapters.taxonomy_files import available_editions
from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.evaluate import EvaluationRowError, evaluate, read_rows, rule_mapper


def run(file: Path, *, as_json: bool) -> None:
    """Score the rule tier on ``file`` and print the figures.

    Raises:
        click.ClickException: a line of the file is no row; names the line.
    """
    catalogue = load_catalogue(available_editions()[-1])
    try:
        with file.open(encoding="utf-8") as lines:
            report = evaluate(read_rows(lines, catalogue.taxonomy), rule_mapper(catalogue, datetime.now(UTC)))
    except (EvaluationRowError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file.name}: {error}") from None
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    click.echo(_table(report))


def _table(report: dict[str, object]) -> str:
    per_vendor = report["per_vendor"]
    errors = report["errors"]
    if not isinstance(per_vendor, dict) or not isinstance(errors, list):
        raise TypeError("the report lost its shape")
    width = max((len(vendor) for vendor in per_vendor), default=0)
    lines = [f"{'vendor':<{width}}  rows  accuracy  macro F1  coverage"]
    lines += [_line(vendor, figures, width) for vendor, figures in per_vendor.items()]
    lines.append(_line("all", report, width))
    lines += [
        f"wrong: {row['vendor']} {row['raw']!r}: {row['answer']} instead of {row['gold']}" for row in errors
    ]
    return "\n".join(lines)


def _line(name: str, figures: dict[str, object], width: int) -> str:
    return (
        f"{name:<{width}}  {figures['rows']:>4}  {figures['accuracy']:>8.3f}"
        f"  {figures['macro_f1']:>8.3f}  {figures['coverage']:>8.3f}"
    )
