"""Whether a token was revoked and whether its tenant may ask, put to Valkey as one question."""

from typing import Protocol
from uuid import UUID

from orchestration_svc.adapters.revocations import Revocations
from orchestration_svc.adapters.signing_keys import SigningKeysUnavailableError
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.limits import Admission, Limits, TenantLimits


class TokenHolders(Protocol):
    """Reads tokens."""

    async def holder(self, token: str) -> Principal:
        """Return whose it is; ServiceError for one that is not good."""
        ...


class JointLimiter(Protocol):
    """Counts requests of tokens that were not revoked."""

    async def admit_unrevoked(
        self, tenant_id: UUID, token_id: str, limits: Limits, *, content_bytes: int
    ) -> Admission | None:
        """Count one; None, and nothing counted, for any doubt about the token."""
        ...


class JointCheck:
    """Answers only what is certain: whatever is in doubt is asked apart, and fails closed as it does there.

    Args:
        tokens: reads them.
        revocations: those known here.
        limiter: puts the question.
        limits: of each tenant.
    """

    def __init__(
        self, tokens: TokenHolders, revocations: Revocations, limiter: JointLimiter, limits: TenantLimits
    ) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._limiter = limiter
        self._limits = limits

    async def __call__(
        self, token: str, scope: str, *, content_bytes: int
    ) -> tuple[Principal, Admission] | None:
        """Return the caller, whose token is good, holds the scope and was not revoked, and what was counted.

        Raises:
            ServiceError: UNAUTHORIZED for a token that is not good.
        """
        try:
            principal = await self._tokens.holder(token)
        except SigningKeysUnavailableError:
            return None
        if scope not in principal.scopes or self._revocations.knows(principal.token_id):
            return None
        limits = await self._limits.of(principal.tenant_id)
        admission = await self._limiter.admit_unrevoked(
            principal.tenant_id, principal.token_id, limits, content_bytes=content_bytes
        )
        return None if admission is None else (principal, admission)
