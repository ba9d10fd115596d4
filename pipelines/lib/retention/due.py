"""Which rows are due: older than their term, and on no hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.sql import SQL, Composable, Identifier

from pipelines.lib.retention.holds import Hold, held
from pipelines.lib.retention.kinds import DataKind
from pipelines.lib.retention.service_database import Connection, ServiceDatabase


@dataclass(frozen=True, slots=True)
class Due:
    """How much of a kind is due.

    Attributes:
        rows: rows that go.
        children: rows of other tables that go with them, by table.
        held: rows that are old enough and on hold.
        oldest: time of the oldest row that goes; None when none does.
    """

    rows: int
    children: dict[str, int]
    held: int
    oldest: datetime | None


def count_due(
    database: ServiceDatabase,
    connection: Connection,
    kind: DataKind,
    tenant_id: UUID,
    cutoff: datetime,
    holds: Sequence[Hold],
) -> Due:
    """Count what is due, and change nothing."""
    on_hold, held_values = held(kind, holds, kind.children)
    table, at = database.table(kind.table), Identifier(kind.at)
    row = connection.execute(
        SQL(
            "select count(*) filter (where not {held}) as rows, count(*) filter (where {held}) as held,"
            " min({at}) filter (where not {held}) as oldest"
            " from {table} where tenant_id = %s and {at} < %s and {only}"
        ).format(held=on_hold, table=table, at=at, only=_only(kind)),
        [*held_values, *held_values, *held_values, tenant_id, cutoff],
    ).fetchone()
    if row is None:
        raise LookupError("a count has always a row")
    children = {}
    for child, refers in kind.children.items():
        found = connection.execute(
            SQL(
                "select count(*) as rows from {child} where tenant_id = %s and {refers} in"
                " (select {id} from {table} where tenant_id = %s and {at} < %s and {only} and not {held})"
            ).format(
                child=database.table(child),
                refers=Identifier(refers),
                id=Identifier(kind.id),
                table=table,
                at=at,
                only=_only(kind),
                held=on_hold,
            ),
            [tenant_id, tenant_id, cutoff, *held_values],
        ).fetchone()
        children[child] = found["rows"] if found else 0
    return Due(row["rows"], children, row["held"], row["oldest"])


def next_due(
    database: ServiceDatabase,
    connection: Connection,
    kind: DataKind,
    tenant_id: UUID,
    cutoff: datetime,
    holds: Sequence[Hold],
    *,
    after: tuple[datetime, object] | None,
    limit: int,
) -> list[tuple[datetime, object]]:
    """Return time and id of the rows that go next, the oldest first.

    Args:
        database: of the service.
        connection: a transaction of the tenant.
        kind: what is looked at.
        tenant_id: whose.
        cutoff: rows from before it are due.
        holds: what is on hold.
        after: where the batch before ended; removed rows need not be walked over again then.
        limit: most rows.
    """
    on_hold, held_values = held(kind, holds, kind.children)
    at, name = Identifier(kind.at), Identifier(kind.id)
    further: Composable = SQL("true") if after is None else SQL("({}, {}) > (%s, %s)").format(at, name)
    rows = connection.execute(
        SQL(
            "select {at} as at, {id} as id from {table}"
            " where tenant_id = %s and {at} < %s and {further} and {only} and not {held}"
            " order by {at}, {id} limit %s"
        ).format(
            at=at, id=name, table=database.table(kind.table), further=further, only=_only(kind), held=on_hold
        ),
        [tenant_id, cutoff, *(after or ()), *held_values, limit],
    ).fetchall()
    return [(row["at"], row["id"]) for row in rows]


def _only(kind: DataKind) -> Composable:
    # The condition is of our own data file, beside the names of the columns.
    return SQL("({})").format(SQL(kind.only)) if kind.only else SQL("true")
