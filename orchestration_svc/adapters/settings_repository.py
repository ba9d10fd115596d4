"""Tenant settings in Postgres: every version a row, none ever changed."""

from collections.abc import Sequence
from datetime import UTC
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestration_svc.adapters.audit_repository import append_event
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.tables import tenant_settings
from orchestration_svc.domain.chosen_settings import ChosenSettings, SettingsVersion
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.limits import LIMIT_NAMES, Limits
from orchestration_svc.domain.redact import Style
from orchestration_svc.domain.tenant_settings import FailMode

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
                chosen=_to_json(chosen),
                changed_by=actor,
                restored=restored,
            )
            .returning(tenant_settings)
        )
    ).one()
    detail: dict[str, object] = {"version": after + 1, "chosen": _to_json(chosen)}
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


def _to_json(chosen: ChosenSettings) -> dict[str, object]:
    """Return only what is set, so that a later default holds for what is not."""
    fields: dict[str, object] = {
        "default_policy": chosen.default_policy,
        "finding_threshold": chosen.finding_threshold,
        "fail_mode": chosen.fail_mode,
        "redaction": chosen.redaction,
        "job_retention_days": chosen.job_retention_days,
        "response_cache": chosen.response_cache,
        "limits": {
            name: limit for name in LIMIT_NAMES if (limit := getattr(chosen.limits, name)) is not None
        },
    }
    return {name: value for name, value in fields.items() if value not in (None, {})}


def _version(row: Row[tuple[object, ...]]) -> SettingsVersion:
    chosen = row.chosen
    limits = chosen.get("limits", {})
    return SettingsVersion(
        version=row.version,
        chosen=ChosenSettings(
            default_policy=chosen.get("default_policy"),
            finding_threshold=chosen.get("finding_threshold"),
            fail_mode=FailMode(chosen["fail_mode"]) if "fail_mode" in chosen else None,
            redaction=Style(chosen["redaction"]) if "redaction" in chosen else None,
            job_retention_days=chosen.get("job_retention_days"),
            response_cache=chosen.get("response_cache"),
            # A limit that only a newer version of this service knows is none that could be kept here.
            limits=Limits(**{name: limits[name] for name in LIMIT_NAMES if name in limits}),
        ),
        changed_at=row.changed_at.astimezone(UTC),
        changed_by=row.changed_by,
        restored=row.restored,
    )
