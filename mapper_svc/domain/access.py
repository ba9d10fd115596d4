"""Who is calling: the caller's identity as every use case sees it."""

from dataclasses import dataclass
from uuid import UUID

# The one tenant in which the role platform_admin exists; acts of the platform are in its audit log.
OPERATOR_TENANT_ID = UUID("00000000-0000-4000-8000-000000000001")


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller.

    Attributes:
        tenant_id: the tenant the token was issued for; the only place a tenant ever comes from.
        token_id: the token's jti, which names it in audit trails.
        roles: roles in the tenant.
        scopes: what the token may be used for.
    """

    tenant_id: UUID
    token_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
