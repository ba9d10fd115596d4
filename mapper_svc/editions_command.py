"""``python -m mapper_svc editions``: from one edition of the taxonomy to the next."""

import asyncio
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO
from uuid import UUID

import click
import msgspec

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.remap_files import REMAP_DIR, load_remap, remap_path
from mapper_svc.adapters.stored_labels import BATCH, StoredLabels, TenantCounts
from mapper_svc.adapters.taxonomy_files import TAXONOMY_DIR, load_taxonomy
from mapper_svc.adapters.vendor_files import VENDORS_DIR, load_vendors
from mapper_svc.adapters.vendor_migration import plan_vendor_migration, write_vendor_migration
from mapper_svc.domain.editions.compare import EditionDiff, VendorRow, compare_editions
from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.settings import read_settings

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_REMAP = click.option(
    "--remap",
    "remap_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"the remap; else OLD_to_NEW.yaml in {REMAP_DIR.name}/ beside the editions that come along",
)
_EDITIONS = click.option(
    "--editions",
    "folder",
    type=_FOLDER,
    default=TAXONOMY_DIR,
    help="folder of editions, OLD.yaml and NEW.yaml",
)
_VENDORS = click.option("--vendors", type=_FOLDER, default=VENDORS_DIR, help="folder of vendor files")
_JSON = click.option("--json", "as_json", is_flag=True, help="print JSON")
_WRITE = click.option("--write", is_flag=True, help="do it; without, it is only shown what would be done")


@click.group()
def editions() -> None:
    """Compare editions of the taxonomy, and migrate what was said in an old one."""


@editions.command("diff")
@click.argument("old")
@click.argument("new")
@_REMAP
@_EDITIONS
@_VENDORS
@_JSON
def diff(old: str, new: str, remap_file: Path | None, folder: Path, vendors: Path, *, as_json: bool) -> None:
    """Report what changes from the edition OLD to the edition NEW; works without a remap, too."""
    before, after = _load(old, folder), _load(new, folder)
    path = remap_file or remap_path(old, new)
    remap = _remap(path, before, after) if path.exists() else Remap(old, new, {})
    try:
        mapped = load_vendors(before, vendors)
    except DataFaultError as error:
        raise click.ClickException(f"the vendor files are not those of edition {old}: {error}") from None
    report = compare_editions(before, after, remap, mapped)
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print_diff(report)
    if report.unaccounted:
        raise click.ClickException(f"write what became of {len(report.unaccounted)} labels into {path.name}")


@editions.command("migrate-vendors")
@click.argument("old")
@click.argument("new")
@_REMAP
@_EDITIONS
@_VENDORS
@_WRITE
def migrate_vendors(
    old: str, new: str, remap_file: Path | None, folder: Path, vendors: Path, *, write: bool
) -> None:
    """Rewrite vendor files from OLD to NEW; without --write the changes are shown as a diff."""
    before, after = _load(old, folder), _load(new, folder)
    remap = _remap(remap_file or remap_path(old, new), before, after)
    try:
        plan = plan_vendor_migration(vendors, remap, before, after)
    except DataFaultError as error:
        raise click.ClickException(str(error)) from None
    if not write:
        click.echo(plan.diff, nl=False)
    for vendor, raw in plan.strays:
        click.echo(f"  {vendor}: {raw}: the remap decides this row, and there is none", err=True)
    if plan.strays:
        raise click.ClickException(f"{len(plan.strays)} decisions are for rows that are not there")
    if plan.undecided:
        _print_rows(plan.undecided)
        raise click.ClickException(f"{len(plan.undecided)} rows need a decision in the remap, under rows")
    if write:
        write_vendor_migration(plan)
    done = "rewritten" if write else "would be rewritten"
    click.echo(f"{len(plan.texts)} files, {len(plan.rows)} rows {done}", err=not write)


@editions.command("migrate-stored")
@click.argument("old")
@click.argument("new")
@_REMAP
@_EDITIONS
@click.option(
    "--tenants",
    type=click.File(),
    required=True,
    help="file of tenant ids, one a line; - reads what `orchestration_svc tenants list --json` prints",
)
@click.option(
    "--batch", type=click.IntRange(1, 10_000), default=BATCH, show_default=True, help="rows at once"
)
@_WRITE
@_JSON
def migrate_stored(
    old: str,
    new: str,
    remap_file: Path | None,
    folder: Path,
    tenants: TextIO,
    batch: int,
    *,
    write: bool,
    as_json: bool,
) -> None:
    """Migrate what the database keeps of tenants from OLD to NEW; can be cut off and run again."""
    remap = _remap(remap_file or remap_path(old, new), _load(old, folder), _load(new, folder))
    # Nobody sees the rows of all tenants at once, so somebody has to say which there are.
    everyone = dict.fromkeys(_ids(tenants))
    settings = read_settings(os.environ)

    async def work() -> list[TenantCounts]:
        database = Database(settings.database_url, pool_size=1, statement_timeout_ms=30_000)
        stored = StoredLabels(database, remap, batch=batch)
        counts: list[TenantCounts] = []
        try:
            for tenant in everyone:
                counts.append(await (stored.migrate(tenant) if write else stored.count(tenant)))
                _print_counts(counts[-1], as_json=as_json)
        finally:
            await database.close()
        return counts

    try:
        counts = asyncio.run(work())
    except ServiceError as error:
        raise click.ClickException(f"{error.detail}; what is done stays done, run it again") from None
    done = "migrated" if write else "to migrate"
    items, changed = sum(one.review_items for one in counts), sum(one.settings for one in counts)
    click.echo(f"{len(counts)} tenants: {items} review items, {changed} settings {done}", err=as_json)


def _load(edition: str, folder: Path) -> Taxonomy:
    try:
        return load_taxonomy(edition, folder)
    except DataFaultError as error:
        raise click.ClickException(str(error)) from None


def _remap(path: Path, old: Taxonomy, new: Taxonomy) -> Remap:
    if not path.exists():
        raise click.ClickException(f"there is no remap {path.name}; name one with --remap")
    try:
        return load_remap(path, old, new)
    except DataFaultError as error:
        raise click.ClickException(str(error)) from None


def _ids(lines: Iterable[str]) -> Iterable[UUID]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            yield UUID(str(json.loads(text)["tenant_id"]) if text.startswith("{") else text)
        except (ValueError, KeyError):
            raise click.ClickException(f"line {number} of the tenants names no tenant id") from None


def _print_counts(counts: TenantCounts, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(counts).decode())
    elif counts.review_items or counts.settings:
        click.echo(f"{counts.tenant_id}  {counts.review_items} review items, {counts.settings} settings")


def _print_diff(report: EditionDiff) -> None:
    click.echo(f"Taxonomy {report.old} to {report.new}")
    for changed in report.changed:
        into = " | ".join(changed.into)
        click.echo(f"  {changed.kind:<9} {changed.label} -> {into}\n            {changed.reason}")
    for title, names in (("added", report.added), ("MISSING", report.unaccounted)):
        for name in names:
            click.echo(f"  {title:<9} {name}")
    for title, values in (
        ("reworded", report.reworded),
        ("severity", report.reweighed),
        ("alias", report.aliases),
    ):
        for one in values:
            click.echo(f"  {title:<9} {one.name}: {one.before or '(none)'} -> {one.after or '(none)'}")
    click.echo(
        f"Vendor files: {len(report.rows)} of {report.rows_in_all} rows change, "
        f"{len(report.undecided)} need a decision"
    )
    _print_rows(report.rows)


def _print_rows(rows: Iterable[VendorRow]) -> None:
    for row in rows:
        click.echo(f"  {row.vendor}: {row.raw}: {row.before} -> {row.after or '?'}")
