"""Deletes what is due of one kind of one tenant, in batches, each with its entry in the audit log."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from pipelines.lib.retention.archive import Archive, Archived, ArchiveError, write_batch
from pipelines.lib.retention.audit_chain import append_event
from pipelines.lib.retention.certify import DELETED, certify
from pipelines.lib.retention.due import Due, count_due, next_due
from pipelines.lib.retention.holds import Hold, with_holds
from pipelines.lib.retention.kinds import DataKind
from pipelines.lib.retention.remove_rows import remove_rows
from pipelines.lib.retention.service_database import Connection, ServiceDatabase

BATCH = 2_000
"""Rows with their children that one transaction removes: well under a second, for whoever waits for it."""


@dataclass(frozen=True, slots=True)
class Term:
    """What decides what is due.

    Attributes:
        days: the term.
        cutoff: rows from before it are due.
        settings_version: version of the tenant's settings that says so; 0 for the default.
        archived: whether what is deleted is archived.
    """

    days: int
    cutoff: datetime
    settings_version: int
    archived: bool


@dataclass(frozen=True, slots=True)
class _Batch:
    last: tuple[datetime, object]
    rows: dict[str, int]
    archived: Archived | None


@dataclass(slots=True)
class Deleted:
    """What was deleted of one kind of one tenant.

    Attributes:
        term: what decided.
        rows: removed rows by table.
        batches: transactions that removed something.
        archived: files of the archive.
        certificate: position in the audit log of the certificate, which is also of what a killed run left;
            None when there was nothing of either.
    """

    term: Term
    rows: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    archived: list[Archived] = field(default_factory=list)
    certificate: int | None = None

    def add(self, batch: _Batch) -> None:
        """Count a batch that is committed."""
        self.rows.update(batch.rows)
        self.batches += 1
        if batch.archived:
            self.archived.append(batch.archived)


class DeleteDue:
    """Deletes by terms.

    Args:
        analysis: keeps the legal holds; without it nothing is deleted anywhere.
        archive: takes what must stay; None when there is none, and then nothing is deleted that must.
        run: id of this run, for the certificates.
        batch: rows of a kind that one transaction removes.
    """

    def __init__(
        self, analysis: ServiceDatabase, archive: Archive | None, *, run: str, batch: int = BATCH
    ) -> None:
        self._analysis = analysis
        self._archive = archive
        self._run = run
        self._batch = batch

    def term(self, database: ServiceDatabase, kind: DataKind, tenant_id: UUID, now: datetime) -> Term:
        """Return what decides what is due now."""
        version, chosen = database.settings(tenant_id) if kind.setting or kind.archived else (0, {})
        return Term(
            kind.term(chosen),
            kind.cutoff(chosen, now),
            version,
            kind.archived and chosen.get("archive_evidence") is True,
        )

    def dry_run(
        self, database: ServiceDatabase, kind: DataKind, tenant_id: UUID, *, now: datetime
    ) -> tuple[Term, Due]:
        """Return what a run would delete now, and change nothing."""
        term = self.term(database, kind, tenant_id, now)

        def count(connection: Connection, holds: Sequence[Hold]) -> Due:
            return count_due(database, connection, kind, tenant_id, term.cutoff, holds)

        return term, with_holds(self._analysis, database, tenant_id, count, lock=False)

    def __call__(
        self,
        database: ServiceDatabase,
        kind: DataKind,
        tenant_id: UUID,
        *,
        now: datetime,
        say: Callable[[str], None] = lambda _: None,
    ) -> Deleted:
        """Delete what is due.

        A run that is killed leaves whole batches, each in the audit log; the next run goes on behind them,
        and its certificate is of them too.

        Raises:
            BusyError: rows stayed locked.
            ArchiveError: what must stay cannot be archived; nothing is deleted then.
        """
        term = self.term(database, kind, tenant_id, now)
        if term.archived and self._archive is None:
            raise ArchiveError("PIPELINES_ARCHIVE is not set, and a tenant wants its evidence archived")
        deleted = Deleted(term)
        after: tuple[datetime, object] | None = None
        while done := self._next_batch(database, kind, tenant_id, term, after):
            deleted.add(done)
            after = done.last
            say(f"{kind.service} {kind.name}: {deleted.rows[kind.table]} rows so far")
        deleted.certificate = database.patiently(
            tenant_id,
            lambda connection: certify(
                database, connection, tenant_id, f"retention/{kind.name}", self._detail(kind, term)
            ),
        )
        return deleted

    def _next_batch(
        self,
        database: ServiceDatabase,
        kind: DataKind,
        tenant_id: UUID,
        term: Term,
        after: tuple[datetime, object] | None,
    ) -> _Batch | None:
        def work(connection: Connection, holds: Sequence[Hold]) -> _Batch | None:
            found = next_due(
                database,
                connection,
                kind,
                tenant_id,
                term.cutoff,
                holds,
                after=after,
                limit=self._batch,
            )
            if not found:
                return None
            ids = [name for _, name in found]
            rows, lines = remove_rows(
                database, connection, kind, tenant_id, ids, children=kind.children, told=term.archived
            )
            detail = self._detail(kind, term) | {"rows": rows, "ids_sha256": _digest(ids)}
            archived = None
            if term.archived and self._archive is not None:
                place = f"{kind.service}/{tenant_id}/{kind.name}/{term.cutoff:%Y-%m-%d}"
                # Before the commit: what is gone from the database is in the archive, whatever happens then.
                archived = write_batch(self._archive, place, {"tenant": str(tenant_id), **detail}, lines)
                detail["archive"] = [archived.name, archived.sha256]
            append_event(
                database,
                connection,
                tenant_id=tenant_id,
                action=DELETED,
                subject=f"retention/{kind.name}",
                detail=detail,
            )
            return _Batch(found[-1], rows, archived)

        return with_holds(self._analysis, database, tenant_id, work, lock=True)

    def _detail(self, kind: DataKind, term: Term) -> dict[str, object]:
        return {
            "kind": kind.name,
            "days": term.days,
            "before": term.cutoff.astimezone(UTC).isoformat(),
            "settings_version": term.settings_version,
            "run": self._run,
        }


def _digest(ids: Sequence[object]) -> str:
    """SHA-256 over the ids in their order: who kept a list of them can show which batch it was."""
    whole = hashlib.sha256()
    for one in ids:
        whole.update(one if isinstance(one, bytes) else str(one).encode())
        whole.update(b"\n")
    return whole.hexdigest()
