"""Who is calling: the caller's identity as every use case sees it."""

from dataclasses import dataclass
from uuid import UUID


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
