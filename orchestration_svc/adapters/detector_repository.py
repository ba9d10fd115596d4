"""Registered detectors in Postgres: each change one transaction, with its audit event."""

from collections.abc import Callable, Sequence
from datetime import UTC
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import detectors
from orchestration_svc.domain.detector_registration import Connection, Registration
from orchestration_svc.domain.detector_registry import Change
from orchestration_svc.domain.errors import StorageUnavailableError

_ALL = select(detectors).order_by(detectors.c.name, detectors.c.version)
# One change of an owner's registrations after the other, also the very first, when there is no row to lock.
_ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtextextended(:key, 0))")


class DetectorRepository:
    """Implements the port `RegistrationStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, owner: UUID) -> Sequence[Registration]:
        """Return what one owner registered, by name and version.

        Raises:
            StorageUnavailableError: the database does not answer, or has not been migrated.
        """
        try:
            async with self._database.tenant(owner) as connection:
                return await _read(connection)
        except SQLAlchemyError as error:
            raise StorageUnavailableError from error

    async def change(
        self, owner: UUID, step: Callable[[Sequence[Registration]], Change], *, actor: str
    ) -> Sequence[Registration]:
        """Apply a step to what is there now, with its audit event.

        Raises:
            ServiceError: whatever the step raises; nothing is changed then.
            StorageUnavailableError: the database does not answer.
        """
        async with self._database.tenant(owner) as connection:
            await connection.execute(_ONE_AT_A_TIME, {"key": f"detectors:{owner}"})
            before = await _read(connection)
            change = step(before)
            await _write(connection, before, change.kept)
            await append_event(
                connection,
                tenant_id=owner,
                actor=actor,
                action=change.action,
                subject=change.subject,
                detail=dict(change.detail),
            )
            return await _read(connection)


async def _read(connection: AsyncConnection) -> list[Registration]:
    return [_registration(row) for row in await connection.execute(_ALL)]


async def _write(
    connection: AsyncConnection, before: Sequence[Registration], kept: Sequence[Registration]
) -> None:
    stays = {(one.name, one.version) for one in kept}
    for one in before:
        if (one.name, one.version) not in stays:
            gone = delete(detectors).where(detectors.c.name == one.name, detectors.c.version == one.version)
            await connection.execute(gone)
    for one in kept:
        if one in before:
            continue
        values = {
            "connection": msgspec.to_builtins(one.connection),
            "enabled": one.enabled,
            "weight": one.weight,
            "shadow": one.shadow,
        }
        row = insert(detectors).values(
            tenant_id=one.owner, name=one.name, version=one.version, made_as=one.made_as, **values
        )
        await connection.execute(
            row.on_conflict_do_update(
                index_elements=["tenant_id", "name", "version"], set_={**values, "changed_at": func.now()}
            )
        )


def _registration(row: Row[tuple[object, ...]]) -> Registration:
    return Registration(
        owner=row.tenant_id,
        name=row.name,
        version=row.version,
        connection=msgspec.convert(row.connection, Connection),
        enabled=row.enabled,
        weight=row.weight,
        shadow=row.shadow,
        made_as=row.made_as,
        changed_at=row.changed_at.astimezone(UTC),
    )
