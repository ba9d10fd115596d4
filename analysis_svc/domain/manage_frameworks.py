"""The use case behind a tenant's own frameworks: propose, read, decide."""

import asyncio
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.check_framework import FrameworkDraft, check_framework
from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.framework_ports import OwnFrameworkStore
from analysis_svc.domain.own_frameworks import Decision, FrameworkVersion, OwnFramework


class Refreshed(Protocol):
    """Keeps catalogues at hand."""

    async def refresh(self, tenant_id: UUID) -> None:
        """Read the tenant's catalogue anew, now."""
        ...


class ManageFrameworks:
    """What a tenant does with its own frameworks.

    Args:
        shipped: what labels and ids are held against.
        store: where versions are kept.
        catalogues: told of a decision, so that this process uses it at once.
    """

    def __init__(self, shipped: Catalogue, store: OwnFrameworkStore, catalogues: Refreshed) -> None:
        self._shipped = shipped
        self._store = store
        self._catalogues = catalogues

    async def propose(self, tenant_id: UUID, draft: FrameworkDraft, *, actor: str) -> FrameworkVersion:
        """Check a draft and keep it as a new version, which no analysis uses before it is approved.

        Raises:
            ServiceError: INVALID_REQUEST naming the field, or as `OwnFrameworkStore.propose`.
        """
        own = await asyncio.to_thread(check_framework, draft, self._shipped)
        return await self._store.propose(tenant_id, own, actor=actor)

    async def decide(
        self, principal: Principal, framework: str, version: int, decision: Decision, note: str
    ) -> FrameworkVersion:
        """Decide on a version.

        Raises:
            ServiceError: as `OwnFrameworkStore.decide`.
        """
        decided = await self._store.decide(principal, framework, version, decision, note)
        with suppress(StorageUnavailableError):  # the decision is kept, and is read within seconds
            await self._catalogues.refresh(principal.tenant_id)
        return decided

    async def versions(self, tenant_id: UUID, framework: str) -> list[FrameworkVersion]:
        """Return the versions of the tenant's own framework, newest first.

        Raises:
            ServiceError: NOT_FOUND when it has none of this id.
        """
        versions = await self._store.versions(tenant_id, framework)
        if not versions:
            raise ServiceError(
                ErrorCode.NOT_FOUND, "this tenant has no framework of its own of this id", field="framework"
            )
        return versions

    async def one(self, tenant_id: UUID, framework: str, version: int) -> OwnFramework:
        """Return one version with its content, whatever its state.

        Raises:
            ServiceError: NOT_FOUND when there is none.
        """
        own = await self._store.document(tenant_id, framework, version)
        if own is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such version", field="version")
        return own
