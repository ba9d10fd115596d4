"""The commands that check and propose a tenant's own framework; they act as the machine's operator."""

import asyncio
import json
import os
from pathlib import Path
from uuid import UUID

import click
import msgspec

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.framework_repository import FrameworkRepository
from analysis_svc.api.oscal_wire import read_oscal
from analysis_svc.api.own_frameworks_wire import FrameworkIn, draft_of
from analysis_svc.api.problems import decoding_fault
from analysis_svc.domain.check_framework import FrameworkDraft, check_framework
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.own_frameworks import FrameworkVersion, OwnFramework
from analysis_svc.settings import read_settings

_ACTOR = "cli"
_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_ID = click.option("--id", "framework", metavar="ID", help="id it shall have (OSCAL files need one)")
_LINKS = click.option(
    "--links-from", metavar="ID", help="a shipped framework whose links controls of the same id take over"
)


@click.group()
def frameworks() -> None:
    """A tenant's own frameworks, as JSON of this service or as an official OSCAL catalogue."""


@frameworks.command("check")
@_FILE
@_ID
@_LINKS
@click.option("--taxonomy", default="2026.11", show_default=True, help="edition that labels are held against")
def check(file: Path, framework: str | None, links_from: str | None, taxonomy: str) -> None:
    """Read FILE and say what is in it, or what is wrong with it; nothing is kept."""
    own = _read(file, framework, links_from, taxonomy)
    links = sum(len(found) for found in own.links.values())
    click.echo(
        f"{own.framework.id}: {own.framework.title}, {own.framework.edition}: "
        f"{len(own.framework.controls)} controls, {links} links from {len(own.links)} labels"
    )


@frameworks.command("propose")
@_FILE
@_ID
@_LINKS
@click.option("--tenant", required=True, type=click.UUID, metavar="ID", help="whose")
def propose(file: Path, framework: str | None, links_from: str | None, tenant: UUID) -> None:
    """Keep FILE as a new version; a person approves it over the API before any analysis uses it."""
    settings = read_settings(os.environ)
    own = _read(file, framework, links_from, settings.taxonomy)
    kept = asyncio.run(_keep(settings.database_url, tenant, own))
    click.echo(f"{kept.framework} version {kept.version} is {kept.state}, SHA-256 {kept.digest}")


async def _keep(database_url: str, tenant: UUID, own: OwnFramework) -> FrameworkVersion:
    database = Database(database_url, pool_size=1, statement_timeout_ms=30_000)
    try:
        return await FrameworkRepository(database).propose(tenant, own, actor=_ACTOR)
    finally:
        await database.close()


def _read(file: Path, framework: str | None, links_from: str | None, taxonomy: str) -> OwnFramework:
    return check_framework(_draft(file, framework, links_from), load_catalogue(taxonomy))


def _draft(file: Path, framework: str | None, links_from: str | None) -> FrameworkDraft:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ServiceError(ErrorCode.INVALID_REQUEST, f"{file} is no JSON in UTF-8") from None
    if isinstance(document, dict) and "catalog" in document:
        if framework is None:
            raise click.UsageError("an OSCAL catalogue needs --id")
        return read_oscal(document["catalog"], framework=framework, links_from=links_from)
    try:
        data = msgspec.convert(document, FrameworkIn)
    except msgspec.ValidationError as error:
        raise decoding_fault(error) from None
    changes = {"id": framework or data.id, "links_from": links_from or data.links_from}
    return draft_of(msgspec.structs.replace(data, **changes))
