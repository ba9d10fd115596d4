"""Acts of the pipelines in a service's audit log, in the transaction of the act itself."""

from datetime import UTC, datetime
from uuid import UUID

from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from analysis_svc.domain.audit import GENESIS, event_hash
from pipelines.lib.retention.service_database import Connection, ServiceDatabase

ACTOR = "pipelines"


def append_event(
    database: ServiceDatabase,
    connection: Connection,
    *,
    tenant_id: UUID,
    action: str,
    subject: str,
    detail: dict[str, object],
) -> int:
    """Append to the tenant's chain of that service and return the position.

    The hash is the one that every service computes; a test holds this to what each of them verifies.
    """
    heads, events = database.table("audit_heads"), database.table("audit_events")
    connection.execute(
        SQL("insert into {} (tenant_id, length, hash) values (%s, 0, %s) on conflict do nothing").format(
            heads
        ),
        [tenant_id, GENESIS],
    )
    head = connection.execute(
        SQL("select length, hash from {} where tenant_id = %s for update").format(heads), [tenant_id]
    ).fetchone()
    if head is None:
        raise LookupError(f"{database.service} has no audit chain for this tenant")
    at, seq, previous = datetime.now(UTC), head["length"] + 1, bytes(head["hash"])
    digest = event_hash(
        tenant_id=tenant_id,
        seq=seq,
        at=at,
        actor=ACTOR,
        action=action,
        subject=subject,
        detail=detail,
        previous_hash=previous,
    )
    connection.execute(
        SQL(
            "insert into {} (tenant_id, seq, at, actor, action, subject, detail, previous_hash, hash)"
            " values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        ).format(events),
        [tenant_id, seq, at, ACTOR, action, subject, Jsonb(detail), previous, digest],
    )
    connection.execute(
        SQL("update {} set length = %s, hash = %s where tenant_id = %s").format(heads),
        [seq, digest, tenant_id],
    )
    return int(seq)
