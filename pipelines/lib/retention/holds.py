"""Legal holds, as conditions on what is due."""

from collections.abc import Callable, Collection, Sequence
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


def held(
    kind: DataKind, holds: Sequence[Hold], removed: Collection[str] = ()
) -> tuple[Composable, list[object]]:
    """Return the condition that a row is on hold, and its parameters.

    A hold on one application holds whatever cannot be told to be another's: every row of a kind that knows no
    applications, and rows without one. A hold on a period holds what cannot be told to be of another time:
    what was last touched after its start and began before its end, or at a time that nobody kept.

    Args:
        kind: of the row.
        holds: in force.
        removed: tables whose rows go with it; where they are of another kind's row that is on hold, it stays.
    """
    if not kind.hold or not holds:
        return SQL("false"), []
    condition, values = _covered(kind, holds)
    each = [condition]
    own = (kind.service, kind.table)
    for link in kind.held_with:
        if link.table not in removed:
            continue
        # What is said of a row is of its application, where nothing else says which.
        application = (
            Identifier(*own, kind.application) if kind.application and not link.kind.application else None
        )
        condition, further = _covered(link.kind, holds, ("other",), application)
        values += further
        each.append(
            SQL(
                "exists (select from {link} as link join {other} as other"
                " on other.tenant_id = link.tenant_id and other.{id} = link.{theirs}"
                " where link.tenant_id = {tenant} and link.{refers} = {row} and {condition})"
            ).format(
                link=Identifier(kind.service, link.table),
                other=Identifier(kind.service, link.kind.table),
                id=Identifier(link.kind.id),
                theirs=Identifier(link.other),
                tenant=Identifier(*own, "tenant_id"),
                refers=Identifier(link.own),
                row=Identifier(*own, kind.id),
                condition=condition,
            )
        )
    return (SQL("({})").format(SQL(" or ").join(each)) if len(each) > 1 else condition), values


def _covered(
    kind: DataKind, holds: Sequence[Hold], place: tuple[str, ...] = (), application: Identifier | None = None
) -> tuple[Composable, list[object]]:
    """Return the condition that a hold covers the row itself; `application` is for a kind without one."""
    told = Identifier(*place, kind.application) if kind.application else application
    each: list[Composable] = []
    values: list[object] = []
    for hold in holds:
        parts: list[Composable] = [SQL("true")]
        if hold.application is not None and told is not None:
            parts.append(SQL("({} is null or {} = %s)").format(told, told))
            values.append(hold.application)
        if hold.covers_from is not None:
            parts.append(SQL("{} >= %s").format(Identifier(*place, kind.at)))
            values.append(hold.covers_from)
        if hold.covers_to is not None and kind.starts:
            parts.append(SQL("coalesce({}, '-infinity') < %s").format(Identifier(*place, kind.starts)))
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
