"""Erases what is kept of persons who asked for it; what a legal hold covers stays until that is released."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from psycopg.sql import SQL, Identifier

from pipelines.lib.retention.audit_chain import append_event
from pipelines.lib.retention.delete_due import BATCH
from pipelines.lib.retention.holds import Hold, held, with_holds
from pipelines.lib.retention.kinds import DataKind
from pipelines.lib.retention.remove_rows import remove_rows
from pipelines.lib.retention.service_database import Connection, ServiceDatabase

_WAITING = """
select id, subject_hash, state from analysis.erasures
where state <> 'done' order by requested_at, id
"""


@dataclass(frozen=True, slots=True)
class Erased:
    """What came of one request.

    Attributes:
        erasure_id: of the request.
        rows: removed rows by table.
        held: rows that a legal hold keeps.
    """

    erasure_id: UUID
    rows: Mapping[str, int]
    held: int


def waiting(analysis: ServiceDatabase, tenant_id: UUID) -> list[tuple[UUID, str]]:
    """Return the requests that are not done, each with its state."""
    with analysis.tenant(tenant_id) as connection:
        return [(row["id"], row["state"]) for row in connection.execute(_WAITING).fetchall()]


def erase_subjects(
    analysis: ServiceDatabase, kind: DataKind, tenant_id: UUID, *, run: str, batch: int = BATCH
) -> list[Erased]:
    """Erase for every request of a tenant that is not done.

    Each batch is a transaction with its entry in the audit log, and the request is told of it in the same, so
    that a run that is killed can be done again.

    Args:
        analysis: where it is kept.
        kind: what has a person's keyed hash.
        tenant_id: whose requests.
        run: id of this run, for the audit log.
        batch: rows of the kind that one transaction removes.

    Raises:
        BusyError: rows stayed locked.
    """
    with analysis.tenant(tenant_id) as connection:
        requests = connection.execute(_WAITING).fetchall()
    done = []
    for request in requests:
        rows: Counter[str] = Counter()
        while True:
            step = _Step(
                analysis,
                kind,
                tenant_id,
                request["id"],
                bytes(request["subject_hash"]),
                request["state"],
                run,
                batch,
            )
            removed, on_hold = with_holds(analysis, analysis, tenant_id, step, lock=True)
            rows.update(removed)
            if not removed:
                done.append(Erased(request["id"], rows, on_hold))
                break
    return done


@dataclass(frozen=True, slots=True)
class _Step:
    """One batch of one request."""

    database: ServiceDatabase
    kind: DataKind
    tenant_id: UUID
    erasure_id: UUID
    subject: bytes
    was: str
    run: str
    batch: int

    def __call__(self, connection: Connection, holds: Sequence[Hold]) -> tuple[dict[str, int], int]:
        """Remove a batch; nothing removed means that the request is answered."""
        children = {**self.kind.children, **self.kind.erased_with}
        on_hold, values = held(self.kind, holds, children)
        of_subject = SQL(" from {} where tenant_id = %s and {} = %s").format(
            self.database.table(self.kind.table), Identifier(self.kind.subject)
        )
        named = connection.execute(
            SQL("select {} as id{} and not {} limit %s").format(
                Identifier(self.kind.id), of_subject, on_hold
            ),
            [self.tenant_id, self.subject, *values, self.batch],
        ).fetchall()
        if named:
            removed, _ = remove_rows(
                self.database,
                connection,
                self.kind,
                self.tenant_id,
                [row["id"] for row in named],
                children=children,
                told=False,
            )
            self._tell(connection, removed, "pending", 0)
            self._log(connection, "erasure.batch", {"rows": removed})
            return removed, 0
        counted = connection.execute(
            SQL("select count(*) as rows{} and {}").format(of_subject, on_hold),
            [self.tenant_id, self.subject, *values],
        ).fetchone()
        kept = int(counted["rows"]) if counted else 0
        self._tell(connection, {}, "held" if kept else "done", kept)
        if not kept or self.was != "held":  # what a hold keeps for years is not told every night
            self._log(connection, "erasure.held" if kept else "erasure.certified", {"held": kept})
        return {}, kept

    def _tell(self, connection: Connection, removed: Mapping[str, int], state: str, kept: int) -> None:
        connection.execute(
            "update analysis.erasures set state = %s, finished_at = %s, held = %s,"
            " analyses = analyses + %s, findings = findings + %s where tenant_id = %s and id = %s",
            [
                state,
                datetime.now(UTC),
                kept,
                removed.get(self.kind.table, 0),
                removed.get("findings", 0),
                self.tenant_id,
                self.erasure_id,
            ],
        )

    def _log(self, connection: Connection, action: str, detail: dict[str, object]) -> None:
        append_event(
            self.database,
            connection,
            tenant_id=self.tenant_id,
            action=action,
            subject=f"erasures/{self.erasure_id}",
            detail={"run": self.run, **detail},
        )
