"""Brings what the database keeps of canonical labels to another edition, tenant by tenant, batch by batch.

Every row says of which edition its labels are, so that a migration that was cut off goes on where it stopped,
and one that is run again finds nothing to do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mapper_svc.adapters.audit_repository import append_event
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.settings_repository import SettingsRepository, append_settings
from mapper_svc.adapters.tables import review_items
from mapper_svc.domain.chosen_settings import ChosenSettings
from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.similar_labels import GUESSES_MAX

BATCH = 500
ACTOR = "migration"
"""Who audit logs and histories name."""


@dataclass(frozen=True, slots=True)
class TenantCounts:
    """What was, or would be, migrated of one tenant.

    Attributes:
        tenant_id: whose.
        review_items: labels waiting for review whose guesses are of the old edition.
        settings: 1 when the tenant has thresholds for labels that change, else 0.
    """

    tenant_id: UUID
    review_items: int
    settings: int


class StoredLabels:
    """Migrates the rows of tenants from the old edition of a remap to its new one."""

    def __init__(self, database: Database, remap: Remap, *, batch: int = BATCH) -> None:
        self._database = database
        self._remap = remap
        self._batch = batch

    async def count(self, tenant_id: UUID) -> TenantCounts:
        """Tell what would be migrated.

        Raises:
            StorageUnavailableError: the database does not answer.
        """
        query = select(func.count()).where(review_items.c.taxonomy == self._remap.old)
        async with self._database.tenant(tenant_id) as connection:
            waiting = (await connection.execute(query)).scalar_one()
        latest = await SettingsRepository(self._database).latest(tenant_id)
        changes = latest.taxonomy == self._remap.old and self._changes(latest.chosen)
        return TenantCounts(tenant_id, waiting, int(changes))

    async def migrate(self, tenant_id: UUID) -> TenantCounts:
        """Migrate the tenant's rows; what is committed stays when the rest fails.

        Raises:
            StorageUnavailableError: the database does not answer; run again to go on.
            ServiceError: CONFLICT, when the tenant's settings were changed at the same moment; run again.
        """
        migrated = 0
        while done := await self._one_batch(tenant_id):
            migrated += done
        return TenantCounts(tenant_id, migrated, await self._settings(tenant_id))

    async def _one_batch(self, tenant_id: UUID) -> int:
        """Migrate one batch in a transaction of its own, its audit event included; returns its size."""
        batch = (
            select(review_items.c.id, review_items.c.guesses)
            .where(review_items.c.taxonomy == self._remap.old)
            .order_by(review_items.c.id)
            .limit(self._batch)
            .with_for_update()
        )
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(batch)).all()
            if not rows:
                return 0
            await connection.execute(
                update(review_items)
                .where(review_items.c.tenant_id == tenant_id, review_items.c.id == bindparam("row_id"))
                .values(guesses=bindparam("labels"), taxonomy=self._remap.new),
                [{"row_id": row.id, "labels": self._guesses(row.guesses)} for row in rows],
            )
            await self._tell(connection, tenant_id, len(rows))
        return len(rows)

    async def _tell(self, connection: AsyncConnection, tenant_id: UUID, rows: int) -> None:
        await append_event(
            connection,
            tenant_id=tenant_id,
            actor=ACTOR,
            action="taxonomy.migrated",
            subject=self._remap.new,
            detail={"from": self._remap.old, "to": self._remap.new, "review_items": rows},
        )

    async def _settings(self, tenant_id: UUID) -> int:
        latest = await SettingsRepository(self._database).latest(tenant_id)
        if latest.taxonomy != self._remap.old or not self._changes(latest.chosen):
            return 0
        async with self._database.tenant(tenant_id) as connection:
            await append_settings(
                connection,
                tenant_id,
                ChosenSettings(
                    tiers=latest.chosen.tiers,
                    threshold=latest.chosen.threshold,
                    label_thresholds=self._thresholds(latest.chosen),
                    feedback_for_training=latest.chosen.feedback_for_training,
                ),
                after=latest.version,
                taxonomy=self._remap.new,
                actor=ACTOR,
                restored=None,
            )
        return 1

    def _changes(self, chosen: ChosenSettings) -> bool:
        return self._thresholds(chosen) != dict(chosen.label_thresholds)

    def _thresholds(self, chosen: ChosenSettings) -> dict[str, float]:
        """Return the thresholds by new label, none lower than that of an old label that it stands for."""
        thresholds: dict[str, float] = {}
        for label, threshold in chosen.label_thresholds.items():
            for now in self._remap.candidates(label):
                thresholds[now] = max(threshold, thresholds.get(now, 0.0))
        return thresholds

    def _guesses(self, guesses: Iterable[str]) -> list[str]:
        now = dict.fromkeys(new for label in guesses for new in self._remap.candidates(label))
        return list(now)[:GUESSES_MAX]
