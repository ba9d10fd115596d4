"""Legal holds, as conditions on what is due."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg.sql import SQL, Composable, Identifier

from pipelines.lib.retention.kinds import DataKind
from pipelines.lib.retention.service_database import Connection, ServiceDatabase

_ACTIVE = """
select id, application, covers_from, covers_to from analysis.legal_holds
where released_at is null order by placed_at, id
"""
T = TypeVar("T")
_LOCK = "select pg_advisory_xact_lock(hashtextextended('analysis retention ' || %s, 0))"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold in force; what is None does not narrow it."""

    hold_id: UUID
    application: str | None
    covers_from: datetime | None
    covers_to: datetime | None


def holds_in_force(analysis: Connection, tenant_id: UUID, *, lock: bool) -> list[Hold]:
    """Return the tenant's holds.

    Args:
        analysis: a transaction of the tenant on the analysis' schema, which keeps the holds.
        tenant_id: whose.
        lock: whether to keep new holds waiting until this transaction ends, so that none that was answered
            comes too late for it.
    """
    if lock:
        analysis.execute(_LOCK, [str(tenant_id)])
    return [
        Hold(row["id"], row["application"], row["covers_from"], row["covers_to"])
        for row in analysis.execute(_ACTIVE).fetchall()
    ]


def held(kind: DataKind, holds: Sequence[Hold]) -> tuple[Composable, list[object]]:
    """Return the condition that a row is on hold, and its parameters.

    A hold on one application holds whatever cannot be told to be another's: every row of a kind that knows no
    applications, and rows without one. A hold on a period holds what cannot be told to be of another time:
    what was last touched after its start and began before its end, or at a time that nobody kept.
    """
    if not kind.hold or not holds:
        return SQL("false"), []
    each: list[Composable] = []
    values: list[object] = []
    for hold in holds:
        parts: list[Composable] = [SQL("true")]
        if hold.application is not None and kind.application:
            column = Identifier(kind.application)
            parts.append(SQL("({} is null or {} = %s)").format(column, column))
            values.append(hold.application)
        if hold.covers_from is not None:
            parts.append(SQL("{} >= %s").format(Identifier(kind.at)))
            values.append(hold.covers_from)
        if hold.covers_to is not None and kind.starts:
            parts.append(SQL("coalesce({}, '-infinity') < %s").format(Identifier(kind.starts)))
            values.append(hold.covers_to)
        each.append(SQL("({})").format(SQL(" and ").join(parts)))
    return SQL("({})").format(SQL(" or ").join(each)), values


def with_holds(
    analysis: ServiceDatabase,
    database: ServiceDatabase,
    tenant_id: UUID,
    work: Callable[[Connection, Sequence[Hold]], T],
    *,
    lock: bool,
) -> T:
    """Do something in a transaction of a tenant, knowing the holds that are in force until it ends.

    Args:
        analysis: keeps the holds.
        database: of the service that the transaction is of.
        tenant_id: whose.
        work: what to do, which may be done again when rows were locked.
        lock: whether new holds wait until it is done.

    Raises:
        BusyError: rows stayed locked.
    """
    if database.service == analysis.service:
        return database.patiently(
            tenant_id, lambda connection: work(connection, holds_in_force(connection, tenant_id, lock=lock))
        )

    def knowing(keeper: Connection) -> T:
        holds = holds_in_force(keeper, tenant_id, lock=lock)
        return database.patiently(tenant_id, lambda connection: work(connection, holds))

    return analysis.patiently(tenant_id, knowing)
