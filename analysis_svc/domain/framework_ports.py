"""What tenants' own frameworks need from the outside; adapters/ implements it."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.own_frameworks import Decision, FrameworkVersion, OwnFramework


class Catalogues(Protocol):
    """Knows what a tenant's findings are tied to."""

    async def of(self, tenant_id: UUID, *, within_s: float | None = None) -> Catalogue:
        """Return the shipped catalogue with the tenant's own frameworks that are in force.

        With the database away it is the last one that was known, or the shipped one alone; `within_s` is how
        long the caller of the request waits, where it says so.
        """
        ...

    def up_to_date(self, tenant_id: UUID) -> bool:
        """Tell whether the tenant's own frameworks in what `of` gave last are known to be those in force."""
        ...


class OwnFrameworkStore(Protocol):
    """Keeps versions of tenants' frameworks and what was decided on them; each call is one transaction."""

    async def propose(self, tenant_id: UUID, own: OwnFramework, *, actor: str) -> FrameworkVersion:
        """Keep a new version, with its audit event; the newest one again when nothing in it is different.

        Raises:
            ServiceError: CONFLICT when the tenant has as many frameworks or versions as it may.
            StorageUnavailableError: the database is away.
        """
        ...

    async def decide(
        self, principal: Principal, framework: str, version: int, decision: Decision, note: str
    ) -> FrameworkVersion:
        """Keep a decision, with its audit event.

        Raises:
            ServiceError: NOT_FOUND, or whatever `check_decision` says.
            StorageUnavailableError: the database is away.
        """
        ...

    async def versions(self, tenant_id: UUID, framework: str) -> list[FrameworkVersion]:
        """Return all versions of a framework, newest first; none of a framework that is not there."""
        ...

    async def document(self, tenant_id: UUID, framework: str, version: int) -> OwnFramework | None:
        """Return one version with its content."""
        ...

    async def in_force(self, tenant_id: UUID) -> Sequence[OwnFramework]:
        """Return each framework of the tenant in the version that is in force."""
        ...
