"""Removes rows with their children, and hands over what they said where it is to be archived."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from psycopg.sql import SQL, Identifier

from pipelines.lib.retention.archive import PERSONAL
from pipelines.lib.retention.kinds import DataKind
from pipelines.lib.retention.service_database import Connection, ServiceDatabase


def remove_rows(
    database: ServiceDatabase,
    connection: Connection,
    kind: DataKind,
    tenant_id: UUID,
    ids: Sequence[object],
    *,
    children: Mapping[str, str],
    told: bool,
) -> tuple[dict[str, int], list[bytes]]:
    """Remove rows by id.

    Args:
        database: of the service.
        connection: a transaction of the tenant.
        kind: what they are.
        tenant_id: whose.
        ids: which.
        children: tables whose rows go first, each with the column that refers to the id.
        told: whether to return what the rows said.

    Returns:
        How many rows were removed of each table, and each row as a line of JSON.
    """
    counts: dict[str, int] = {}
    lines: list[bytes] = []
    for table, column in {**children, kind.table: kind.id}.items():
        statement = SQL("delete from {} as gone where tenant_id = %s and {} = any(%s)").format(
            database.table(table), Identifier(column)
        )
        values: list[object] = [tenant_id, list(ids)]
        if told:
            statement = SQL("{} returning to_jsonb(gone) - %s::text[] as row").format(statement)
            values.append(["tenant_id", *PERSONAL])
        cursor = connection.execute(statement, values)
        counts[table] = cursor.rowcount
        if told:
            lines += sorted(
                msgspec.json.encode({"table": table, **row["row"]}, order="sorted") for row in cursor
            )
    return counts, lines
