"""What the replicas counted of a trial, added up in Postgres: in all, and in the last minutes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import BigInteger, cast, delete, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.tables import model_trial_slots, model_trial_totals, model_trials
from mapper_svc.domain.audit import OPERATOR_TENANT_ID
from mapper_svc.domain.errors import StorageUnavailableError

SLOT_S = 5
"""Length of a slot of time, in seconds."""
_KEPT_S = 3_600
# The database's clock, as those of the replicas may differ.
_NOW = cast(func.floor(extract("epoch", func.now()) / SLOT_S), BigInteger)


class ModelTrialRepository:
    """Implements the port `TrialStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, trial_id: UUID, counts: Mapping[str, int]) -> None:
        """Add counts to the trial; those of one that has ended are dropped.

        Raises:
            StorageUnavailableError: they were not added, or nobody knows.
        """
        running = select(model_trials.c.id).where(
            model_trials.c.id == trial_id, model_trials.c.ended_at.is_(None)
        )
        # Sorted, so that two replicas never lock the same rows in opposite order.
        rows = [
            {"trial_id": trial_id, "name": name, "number": number} for name, number in sorted(counts.items())
        ]
        total, slot = insert(model_trial_totals), insert(model_trial_slots).values(slot=_NOW)
        async with self._open() as connection:
            if (await connection.execute(running)).one_or_none() is None:
                return
            await connection.execute(
                total.on_conflict_do_update(
                    index_elements=["trial_id", "name"],
                    set_={"number": model_trial_totals.c.number + total.excluded.number},
                ),
                rows,
            )
            await connection.execute(
                slot.on_conflict_do_update(
                    index_elements=["trial_id", "slot", "name"],
                    set_={"number": model_trial_slots.c.number + slot.excluded.number},
                ),
                rows,
            )

    async def total(self, trial_id: UUID) -> dict[str, int]:
        """Return the counts since the trial began."""
        query = select(model_trial_totals.c.name, model_trial_totals.c.number).where(
            model_trial_totals.c.trial_id == trial_id
        )
        async with self._open() as connection:
            return {row.name: row.number for row in await connection.execute(query)}

    async def window(self, trial_id: UUID, seconds: int) -> dict[str, int]:
        """Return the counts of the last ``seconds``, to a slot more or less."""
        slots = model_trial_slots.c
        query = (
            select(slots.name, cast(func.sum(slots.number), BigInteger).label("number"))
            .where(slots.trial_id == trial_id, slots.slot > _NOW - max(1, seconds // SLOT_S))
            .group_by(slots.name)
        )
        async with self._open() as connection:
            return {row.name: row.number for row in await connection.execute(query)}

    async def prune(self) -> None:
        """Remove the slots of more than an hour ago; the totals stay."""
        old = delete(model_trial_slots).where(model_trial_slots.c.slot < _NOW - _KEPT_S // SLOT_S)
        async with self._open() as connection:
            await connection.execute(old)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.tenant(OPERATOR_TENANT_ID) as connection:
                yield connection
        except SQLAlchemyError as error:  # no table yet, before the migrations
            raise StorageUnavailableError from error
