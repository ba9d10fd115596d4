"""Idempotency keys in Postgres: hashes and sealed answers."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import and_, case, delete, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import idempotency_records as records
from orchestration_svc.domain.idempotency import Record

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class IdempotencyRepository:
    """Keeps keys for a day; one statement decides who of many takes a key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self,
        tenant_id: UUID,
        key_hash: bytes,
        *,
        body_hash: bytes,
        holder: UUID,
        now: datetime,
        held_until: datetime,
        expires_at: datetime,
    ) -> Record:
        """Take a key that is new, expired or was let go for this body; return what is known of it then."""
        offered = upsert(records).values(
            tenant_id=tenant_id,
            key_hash=key_hash,
            body_hash=body_hash,
            resource_id=uuid4(),
            holder=holder,
            held_until=held_until,
            expires_at=expires_at,
        )
        new = offered.excluded
        expired = records.c.expires_at <= now
        let_go = and_(
            records.c.answer.is_(None), records.c.held_until <= now, records.c.body_hash == new.body_hash
        )
        taking = offered.on_conflict_do_update(
            index_elements=["tenant_id", "key_hash"],
            set_={
                "holder": new.holder,
                "held_until": new.held_until,
                "body_hash": new.body_hash,
                # Kept when somebody died over it: what was made then is found again.
                "resource_id": case((expired, new.resource_id), else_=records.c.resource_id),
                "expires_at": new.expires_at,
                "status": null(),
                "answer": null(),
            },
            where=or_(expired, let_go),
        )
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(taking)
            row = (
                await connection.execute(select(records).where(records.c.key_hash == key_hash))
            ).one_or_none()
        if row is None:  # it was let go and forgotten between the two statements
            return Record(body_hash, uuid4(), uuid4(), None)
        return Record(
            body_hash=bytes(row.body_hash),
            resource_id=row.resource_id,
            holder=row.holder,
            answer=None if row.answer is None else bytes(row.answer),
        )

    async def finish(
        self, tenant_id: UUID, key_hash: bytes, *, holder: UUID, status: int, answer: bytes
    ) -> None:
        """Keep the answer, if the holder still holds the key, and remove the tenant's keys of yesterday."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(delete(records).where(records.c.expires_at <= datetime.now(UTC)))
            await connection.execute(
                update(records)
                .where(records.c.key_hash == key_hash, records.c.holder == holder, records.c.answer.is_(None))
                .values(status=status, answer=answer)
            )

    async def let_go(self, tenant_id: UUID, key_hash: bytes, *, holder: UUID, forget: bool) -> None:
        """Let others take the key: as if it had never come, or for the same body only."""
        held = (records.c.key_hash == key_hash, records.c.holder == holder)
        async with self._database.tenant(tenant_id) as connection:
            if forget:
                await connection.execute(delete(records).where(*held))
            else:
                await connection.execute(update(records).where(*held).values(held_until=_LONG_AGO))
