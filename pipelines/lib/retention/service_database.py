"""A service's data as its pipeline role reaches it: one tenant at a time, under the policies."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

LOCK_TIMEOUT_MS = 1_000
"""Requests come first: a deletion that meets a lock waits no longer, and tries again later."""

STATEMENT_TIMEOUT_MS = 120_000
_TRIES = 6
_WAIT_S = 0.5

T = TypeVar("T")
Row = dict[str, Any]
Connection = psycopg.Connection[Row]


class BusyError(Exception):
    """Others held a lock for longer than was waited; the same run may work later."""


class ServiceDatabase:
    """One service's schema.

    Args:
        service: short name of the service, which is its schema.
        url: DSN of `<service>_pipeline`.
    """

    def __init__(self, service: str, url: str) -> None:
        self.service = service
        self._connection: Connection = psycopg.connect(
            url.replace("postgresql+psycopg://", "postgresql://", 1),
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=5,
            application_name="llama-mapper retention",
            options=f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def table(self, name: str) -> Identifier:
        """Return the name of a table for a statement."""
        return Identifier(self.service, name)

    @contextmanager
    def tenant(self, tenant_id: UUID) -> Iterator[Connection]:
        """Open a transaction that sees and removes this tenant's rows only; commits on a clean exit."""
        with self._connection.transaction():
            self._connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant_id)])
            yield self._connection

    def patiently(self, tenant_id: UUID, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction of a tenant, again when others held a lock for too long.

        Raises:
            BusyError: they did so each time.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                with self.tenant(tenant_id) as connection:
                    return work(connection)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                if attempt == _TRIES:
                    raise BusyError(f"{self.service}: rows stayed locked by others") from error
                time.sleep(_WAIT_S * attempt)
        raise AssertionError("unreachable")

    def settings(self, tenant_id: UUID) -> tuple[int, Mapping[str, object]]:
        """Return version and content of the tenant's settings; 0 and nothing when it set none."""
        query = SQL("select version, chosen from {} order by version desc limit 1")
        with self.tenant(tenant_id) as connection:
            row = connection.execute(query.format(self.table("tenant_settings"))).fetchone()
        return (row["version"], row["chosen"]) if row else (0, {})


def tenant_ids(orchestration: ServiceDatabase) -> list[UUID]:
    """Return every tenant there is, the operator's too."""
    connection = orchestration._connection  # noqa: SLF001 - the one question that is no tenant's
    with connection.transaction():
        connection.execute("select set_config('app.platform', 'on', true)")
        rows = connection.execute("select id from orchestration.tenants order by id").fetchall()
    return [row["id"] for row in rows]
