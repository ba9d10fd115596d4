"""Tenant settings in Postgres: every version a row, none ever changed."""

from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.settings_tables import tenant_settings
from analysis_svc.domain.chosen_settings import (
    ChosenSettings,
    SettingsVersion,
    chosen_of_json,
    chosen_to_json,
)
from analysis_svc.domain.errors import ErrorCode, ServiceError

_LATEST = select(tenant_settings).order_by(tenant_settings.c.version.desc()).limit(1)


class SettingsRepository:
    """Keeps every version of every tenant's settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, tenant_id: UUID) -> SettingsVersion:
        """Return the version that holds; version 0 when there is none."""
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(_LATEST)).one_or_none()
        return SettingsVersion() if row is None else _version(row)

    async def version(self, tenant_id: UUID, version: int) -> SettingsVersion | None:
        """Return one version, or None."""
        query = select(tenant_settings).where(tenant_settings.c.version == version)
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _version(row)

    async def history(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[SettingsVersion]:
        """Return versions, the newest first, older than version ``before``."""
        query = select(tenant_settings).order_by(tenant_settings.c.version.desc()).limit(limit)
        if before is not None:
            query = query.where(tenant_settings.c.version < before)
        async with self._database.tenant(tenant_id) as connection:
            return [_version(row) for row in await connection.execute(query)]

    async def append(
        self,
        tenant_id: UUID,
        chosen: ChosenSettings,
        *,
        after: int,
        actor: str,
        restored: int | None = None,
    ) -> SettingsVersion:
        """Add the version behind ``after`` and its audit event, both or neither.

        Raises:
            ServiceError: CONFLICT when ``after`` is not the latest version.
            StorageUnavailableError: the database does not answer.
        """
        try:
            async with self._database.tenant(tenant_id) as connection:
                return await append_settings(
                    connection,
                    tenant_id,
                    chosen,
                    after=after,
                    actor=actor,
                    restored=restored,
                )
        except IntegrityError:
            # Somebody wrote the same version between our look and our insert.
            raise _conflict() from None


async def append_settings(
    connection: AsyncConnection,
    tenant_id: UUID,
    chosen: ChosenSettings,
    *,
    after: int,
    actor: str,
    restored: int | None,
) -> SettingsVersion:
    """Add a version and its audit event in the transaction of ``connection``; CONFLICT as in `append`."""
    latest = (await connection.execute(_LATEST)).one_or_none()
    if (0 if latest is None else latest.version) != after:
        raise _conflict()
    made = (
        await connection.execute(
            insert(tenant_settings)
            .values(
                tenant_id=tenant_id,
                version=after + 1,
                chosen=chosen_to_json(chosen),
                changed_by=actor,
                restored=restored,
            )
            .returning(tenant_settings)
        )
    ).one()
    detail: dict[str, object] = {"version": after + 1, "chosen": chosen_to_json(chosen)}
    if restored is not None:
        detail["restored"] = restored
    await append_event(
        connection,
        tenant_id=tenant_id,
        actor=actor,
        action="settings.changed" if restored is None else "settings.restored",
        subject=f"settings/{after + 1}",
        detail=detail,
    )
    return _version(made)


def _conflict() -> ServiceError:
    return ServiceError(
        ErrorCode.CONFLICT,
        "the settings were changed meanwhile; read them again and send their version in If-Match",
        field="If-Match",
    )


def _version(row: Row[tuple[object, ...]]) -> SettingsVersion:
    return SettingsVersion(
        version=row.version,
        chosen=chosen_of_json(row.chosen),
        changed_at=row.changed_at.astimezone(UTC),
        changed_by=row.changed_by,
        restored=row.restored,
    )
