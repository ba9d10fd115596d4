"""One tenant's retention in one service, from the settings of this machine: what a step and a command run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pipelines.lib.retention.archive import Archive, FolderArchive
from pipelines.lib.retention.delete_due import Deleted, DeleteDue, Term
from pipelines.lib.retention.due import Due
from pipelines.lib.retention.erase_subjects import Erased, erase_subjects, waiting
from pipelines.lib.retention.kinds import load_kinds
from pipelines.lib.retention.service_database import ServiceDatabase, tenant_ids
from pipelines.retention_settings import RetentionSettings


@dataclass(frozen=True, slots=True)
class Kept:
    """What a run did of one service: by kind, what was due and, when it was not dry, what was deleted."""

    due: Mapping[str, tuple[Term, Due]]
    deleted: Mapping[str, Deleted]


def keep_terms(
    settings: RetentionSettings,
    service: str,
    tenant_id: UUID,
    *,
    now: datetime,
    run: str,
    dry: bool,
    say: Callable[[str], None],
) -> Kept:
    """Delete what is due of one tenant in one service, or only say what is.

    Args:
        settings: how it is reached.
        service: short name of the service.
        tenant_id: whose.
        now: terms are counted back from then.
        run: id for the certificates.
        dry: whether to change nothing.
        say: is told how far it is.

    Raises:
        SettingsError: a database's URL is not set.
        BusyError: rows stayed locked by others.
        ArchiveError: what must stay cannot be archived.
        psycopg.Error: a database does not answer.
    """
    with _databases(settings, service) as (analysis, database):
        delete_due = DeleteDue(analysis, make_archive(settings), run=run, batch=settings.retention_batch)
        due, deleted = {}, {}
        for kind in load_kinds()[service]:
            due[kind.name] = delete_due.dry_run(database, kind, tenant_id, now=now)
            if not dry:
                deleted[kind.name] = delete_due(database, kind, tenant_id, now=now, say=say)
    return Kept(due, deleted)


def erase(settings: RetentionSettings, tenant_id: UUID, *, run: str) -> list[Erased]:
    """Erase what persons of one tenant asked for.

    Raises:
        SettingsError: the database's URL is not set.
        BusyError: rows stayed locked by others.
        psycopg.Error: the database does not answer.
    """
    (kind,) = (one for one in load_kinds()["analysis"] if one.subject)
    with ServiceDatabase("analysis", settings.url("analysis")) as analysis:
        return erase_subjects(analysis, kind, tenant_id, run=run, batch=settings.retention_batch)


def tenants(settings: RetentionSettings) -> list[UUID]:
    """Return every tenant.

    Raises:
        SettingsError: the database's URL is not set.
        psycopg.Error: the database does not answer.
    """
    with ServiceDatabase("orchestration", settings.url("orchestration")) as orchestration:
        return tenant_ids(orchestration)


def erasures_waiting(settings: RetentionSettings) -> list[tuple[UUID, UUID, str]]:
    """Return tenant, id and state of each request that is not done; raises as `tenants` does."""
    found = tenants(settings)
    with ServiceDatabase("analysis", settings.url("analysis")) as analysis:
        return [(tenant, name, state) for tenant in found for name, state in waiting(analysis, tenant)]


def make_archive(settings: RetentionSettings) -> Archive:
    """Return the archive that the settings name."""
    place = settings.archive_place
    if place.startswith("s3://"):
        from pipelines.lib.retention.bucket_archive import BucketArchive  # noqa: PLC0415 - few have a bucket

        return BucketArchive(place, days=settings.archive_days)
    return FolderArchive(Path(place))


@contextmanager
def _databases(
    settings: RetentionSettings, service: str
) -> Iterator[tuple[ServiceDatabase, ServiceDatabase]]:
    with ServiceDatabase("analysis", settings.url("analysis")) as analysis:
        if service == "analysis":
            yield analysis, analysis
            return
        with ServiceDatabase(service, settings.url(service)) as database:
            yield analysis, database
