"""The use cases of the settings resource: read, set, look back, go back."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.chosen_settings import ChosenSettings, SettingsVersion, check_settings
from analysis_svc.domain.errors import ErrorCode, ServiceError

VERSIONS_MAX = 10_000
"""Most versions of one tenant's settings."""


class SettingsStore(Protocol):
    """Keeps every version of every tenant's settings. Each call raises StorageUnavailableError."""

    async def latest(self, tenant_id: UUID) -> SettingsVersion:
        """Return the version that holds; version 0 when there is none."""
        ...

    async def version(self, tenant_id: UUID, version: int) -> SettingsVersion | None:
        """Return one version, or None."""
        ...

    async def history(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[SettingsVersion]:
        """Return versions, the newest first, older than version ``before``."""
        ...

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
        """
        ...


class ChangeSettings:
    """Reads and changes settings of the caller's tenant.

    Args:
        store: keeps the versions.
    """

    def __init__(self, store: SettingsStore) -> None:
        self._store = store

    async def latest(self, tenant_id: UUID) -> SettingsVersion:
        """Return the version that holds, version 0 for a tenant that never set any."""
        return await self._store.latest(tenant_id)

    async def history(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[SettingsVersion]:
        """Return versions, the newest first."""
        return await self._store.history(tenant_id, before=before, limit=limit)

    async def put(self, caller: Principal, chosen: ChosenSettings, *, after: int) -> SettingsVersion:
        """Set everything anew.

        Raises:
            ServiceError: INVALID_REQUEST naming field and limit; CONFLICT when somebody else was faster.
        """
        return await self._append(caller, chosen, after=after, restored=None)

    async def restore(self, caller: Principal, version: int, *, after: int) -> SettingsVersion:
        """Set again what an earlier version set; 0 sets everything back to the defaults.

        Raises:
            ServiceError: NOT_FOUND for a version that is not there; INVALID_REQUEST when it can no longer
                hold, as with a term that is too long by now; CONFLICT as in `put`.
        """
        earlier = SettingsVersion() if version == 0 else await self._store.version(caller.tenant_id, version)
        if earlier is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such version", field="version")
        return await self._append(caller, earlier.chosen, after=after, restored=version)

    async def _append(
        self, caller: Principal, chosen: ChosenSettings, *, after: int, restored: int | None
    ) -> SettingsVersion:
        if after >= VERSIONS_MAX:
            raise ServiceError(
                ErrorCode.CONFLICT,
                f"a tenant's settings can be changed {VERSIONS_MAX} times",
                field="If-Match",
            )
        check_settings(chosen)
        return await self._store.append(
            caller.tenant_id,
            chosen,
            after=after,
            actor=caller.token_id,
            restored=restored,
        )
