"""What the use cases need from the outside; adapters/ implements it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the models import these ports, so the ports name them only for the type checker
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from orchestration_svc.domain.audit import AuditEvent, ChainState
    from orchestration_svc.domain.downstream import AnalysisAnswer, AnalysisQuestion, MapperAnswer
    from orchestration_svc.domain.handover import MapperPayload
    from orchestration_svc.domain.keys import ApiKey
    from orchestration_svc.domain.tenants import Tenant


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current time, UTC."""
        ...


class TenantStore(Protocol):
    """Keeps tenants."""

    async def create(self, name: str, *, actor: str) -> Tenant:
        """Insert and audit; ServiceError CONFLICT when the name is taken."""
        ...

    async def list(self) -> list[Tenant]:
        """Return all tenants by name."""
        ...

    async def by_name(self, name: str) -> Tenant | None:
        """Return the tenant of that name."""
        ...

    async def by_id(self, tenant_id: UUID) -> Tenant | None:
        """Return the tenant of that id."""
        ...


class KeyStore(Protocol):
    """Keeps what is known of API keys, with an audit event for every change."""

    async def add(self, key: ApiKey, *, actor: str) -> None:
        """Insert the key's metadata."""
        ...

    async def get(self, tenant_id: UUID, key_id: UUID) -> ApiKey:
        """Return the key, or raise ServiceError NOT_FOUND."""
        ...

    async def list(self, tenant_id: UUID) -> list[ApiKey]:
        """Return the tenant's keys, newest first."""
        ...

    async def replace(self, old_key_id: UUID, new: ApiKey, *, revoked_at: datetime, actor: str) -> None:
        """Insert ``new`` and revoke the old key from ``revoked_at`` on, both or neither.

        Raises ServiceError NOT_FOUND for no such key, CONFLICT for one that was revoked before.
        """
        ...

    async def revoke(self, tenant_id: UUID, key_id: UUID, *, at: datetime, actor: str, action: str) -> None:
        """Revoke from ``at`` on, unless revoked before; ServiceError NOT_FOUND for no such key."""
        ...


class TokenSigner(Protocol):
    """Signs tokens with the current signing key."""

    async def sign(
        self,
        *,
        token_id: str,
        tenant_id: UUID,
        roles: frozenset[str],
        scopes: frozenset[str],
        audiences: Sequence[str],
        expires_at: datetime,
    ) -> str:
        """Return the signed token."""
        ...


class RevocationFeed(Protocol):
    """Tells every service which tokens are revoked."""

    async def publish(self) -> None:
        """Publish the current list; a cache that is away is caught up later."""
        ...


class AuditLog(Protocol):
    """Reads the audit log."""

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> list[AuditEvent]:
        """Return events newest first, older than position ``before``."""
        ...

    async def verify(self, tenant_id: UUID) -> ChainState:
        """Check the whole chain."""
        ...


class MapperClient(Protocol):
    """mapper_svc, as this service uses it."""

    async def map(
        self, payloads: Sequence[MapperPayload], *, tenant_id: UUID, timeout_s: float
    ) -> MapperAnswer:
        """Map the payloads in one call; raises DownstreamError with the reason when it cannot."""
        ...


class AnalysisClient(Protocol):
    """analysis_svc, as this service uses it."""

    async def analyze(
        self, question: AnalysisQuestion, *, tenant_id: UUID, timeout_s: float
    ) -> AnalysisAnswer:
        """Analyse findings; raises DownstreamError with the reason when it cannot."""
        ...
