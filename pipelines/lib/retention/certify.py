"""Sums up, in the audit log, what was deleted since the last time that was done."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.sql import SQL

from pipelines.lib.retention.audit_chain import ACTOR, append_event
from pipelines.lib.retention.service_database import Connection, ServiceDatabase

DELETED = "retention.deleted"
CERTIFIED = "retention.certified"
LOOK_BACK = 100_000
"""Events of a tenant that are gone through for batches that a killed run left without a certificate."""

_UNCERTIFIED = """
with recent as (
    select seq, action, detail from {events}
    where tenant_id = %(tenant)s and actor = %(actor)s and subject = %(subject)s
        and seq > (select length from {heads} where tenant_id = %(tenant)s) - %(look_back)s
)
select seq, detail from recent
where action = %(deleted)s and seq > coalesce((select max(seq) from recent where action = %(certified)s), 0)
order by seq
"""


def certify(
    database: ServiceDatabase,
    connection: Connection,
    tenant_id: UUID,
    subject: str,
    detail: Mapping[str, object],
) -> int | None:
    """Append the certificate of all batches that have none, also of runs that were killed.

    Args:
        database: of the service.
        connection: a transaction of the tenant.
        tenant_id: whose.
        subject: of the batches in the audit log.
        detail: what this run says of itself.

    Returns:
        Its position; None when every batch has one.
    """
    batches = connection.execute(
        SQL(_UNCERTIFIED).format(events=database.table("audit_events"), heads=database.table("audit_heads")),
        {
            "tenant": tenant_id,
            "actor": ACTOR,
            "subject": subject,
            "look_back": LOOK_BACK,
            "deleted": DELETED,
            "certified": CERTIFIED,
        },
    ).fetchall()
    if not batches:
        return None
    return append_event(
        database,
        connection,
        tenant_id=tenant_id,
        action=CERTIFIED,
        subject=subject,
        detail={**detail, **summed([(row["seq"], row["detail"]) for row in batches])},
    )


def summed(batches: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, object]:
    """Return what a certificate says of batches, given each with its position and what it says."""
    rows: Counter[str] = Counter()
    for _, detail in batches:
        rows.update(detail["rows"])
    return {
        "rows": dict(rows),
        "batches": len(batches),
        "first_event": batches[0][0],
        "runs": sorted({detail["run"] for _, detail in batches}),
        "archive": [detail["archive"] for _, detail in batches if "archive" in detail],
    }
