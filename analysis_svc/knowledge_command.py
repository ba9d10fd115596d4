"""The commands around the knowledge index; they act as the operator of the machine."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import click

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.errors import ServiceError
from analysis_svc.domain.knowledge.add import FORMATS, Added, NewDocument
from analysis_svc.domain.knowledge.models import Answer, Question
from analysis_svc.settings import Settings, read_settings

if TYPE_CHECKING:
    from analysis_svc.compose_knowledge import KnowledgeParts

ACTOR = "command"
_FORMAT_OF = {
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".jsonl": "jsonl",
    ".json": "oscal",
}
T = TypeVar("T")
_tenant = click.option(
    "--tenant",
    type=click.UUID,
    default=OPERATOR_TENANT_ID,
    metavar="ID",
    help="whose index; without it the one that all tenants share",
)


@click.group()
def knowledge() -> None:
    """The index that questions are answered from."""


@knowledge.command("add")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--source", help="key of what it is a text of; without it the file's name")
@click.option("--title", help="as people call it; without it the file's name")
@click.option("--edition", default="", help="which one")
@click.option("--format", "kind", type=click.Choice(FORMATS), help="without it by the file's ending")
@_tenant
def add(
    files: tuple[Path, ...],
    source: str | None,
    title: str | None,
    edition: str,
    kind: str | None,
    tenant: UUID,
) -> None:
    """Index FILES and search them from now on; a file that is indexed already is passed over."""
    if len(files) > 1 and (source or title):
        raise click.UsageError("--source and --title name one document: give one file with them")
    for path in files:
        chosen = kind or _FORMAT_OF.get(path.suffix.lower())
        if chosen is None:
            raise click.UsageError(f"{path}: say what it is with --format")
        new = NewDocument(
            source=source or path.stem.lower().replace(" ", "-")[:64],
            title=title or path.stem[:200],
            edition=edition,
            format=chosen,
            content=path.read_bytes(),
        )
        try:
            _told(asyncio.run(_add(tenant, new, path.name)), path.name)
        except ServiceError as error:
            raise click.ClickException(f"{path}: {error.detail}") from None


@knowledge.command("index-catalogues")
def index_catalogues() -> None:
    """Index the shipped catalogues for all tenants; what is indexed already is passed over."""
    for added in _run(lambda parts, settings: parts.index_shipped(load_catalogue(settings.taxonomy))):
        _told(added, added.document.source)


@knowledge.command("list")
@_tenant
def list_documents(tenant: UUID) -> None:
    """Show what is searched and the versions there are."""
    active, versions = _run(lambda parts, _: parts.add_knowledge.versions(tenant, limit=20))
    for version in versions:
        mark = "*" if version.version == active else " "
        click.echo(
            f"{mark} version {version.version:<4} {len(version.documents):>3} documents  {version.note}"
        )
    for one in _run(lambda parts, _: parts.documents(tenant)):
        click.echo(f"  {one.id}  {one.source:<20} {one.chunks:>6} chunks  {one.title} {one.edition}".rstrip())


@knowledge.command("switch")
@click.argument("version", type=click.IntRange(min=1))
@_tenant
def switch(version: int, tenant: UUID) -> None:
    """Search VERSION from now on, be it newer or older."""
    try:
        _run(lambda parts, _: parts.add_knowledge.switch(tenant, version, actor=ACTOR))
    except ServiceError as error:
        raise click.ClickException(error.detail) from None
    click.echo(f"version {version} is searched now")


@knowledge.command("ask")
@click.argument("question")
@click.option("--source", "sources", multiple=True, help="only documents of this key")
@_tenant
def ask(question: str, sources: tuple[str, ...], tenant: UUID) -> None:
    """Answer QUESTION as the API would."""
    answer = _run(lambda parts, _: parts.knowledge.query(tenant, Question(question, sources)))
    _shown(answer)


def _shown(answer: Answer) -> None:
    click.echo(f"{answer.answer}\n({answer.kind}, confidence {answer.confidence:.2f})")
    for number, one in enumerate(answer.citations, start=1):
        click.echo(f"[{number}] {one.score:.2f}  {one.title}, {one.ref_id}: {one.quote}")


def _told(added: Added, name: str) -> None:
    what = f"version {added.version}" if added.new else "already indexed"
    click.echo(f"{name}: {added.document.chunks} chunks, {what}")


async def _add(tenant: UUID, new: NewDocument, name: str) -> Added:
    async with _parts(read_settings(os.environ)) as parts:
        with click.progressbar(length=1, label=name[:32], show_pos=True) as bar:

            def progress(done: int, total: int) -> None:
                bar.length = total
                bar.update(done - bar.pos)

            return await parts.add_knowledge.add(tenant, new, actor=ACTOR, progress=progress)


def _run(act: Callable[["KnowledgeParts", Settings], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = read_settings(os.environ)
        async with _parts(settings) as parts:
            return await act(parts, settings)

    return asyncio.run(run())


@asynccontextmanager
async def _parts(settings: Settings) -> AsyncIterator["KnowledgeParts"]:
    from analysis_svc.compose_knowledge import compose_knowledge  # noqa: PLC0415 - other commands need no API

    database = Database(settings.database_url, pool_size=2, statement_timeout_ms=30_000)
    # Nobody waits for this process's answers to requests: it may use the whole machine.
    parts = compose_knowledge(settings, database, threads=os.cpu_count() or 1)
    try:
        yield parts
    finally:
        await parts.close()
        await database.close()
