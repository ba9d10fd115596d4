"""Who may do what: tenants, roles and the scopes that a token carries."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from orchestration_svc.domain.errors import ErrorCode, ServiceError

# The one tenant in which the role platform_admin may exist; made by the first migration.
OPERATOR_TENANT_ID = UUID("00000000-0000-4000-8000-000000000001")
OPERATOR_TENANT_NAME = "operator"


class Role(StrEnum):
    """What a token's holder is in its tenant."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    OPERATOR = "operator"
    ADMIN = "admin"
    PLATFORM_ADMIN = "platform_admin"


_VIEWER = frozenset(
    {"detectors:read", "taxonomy:read", "frameworks:read", "evidence:read", "review:read", "settings:read"}
    | {"policies:read", "insights:read", "knowledge:read", "reports:read"}
)
_ANALYST = _VIEWER | {"orchestrate", "map", "analyze", "feedback:write", "reports:write"}
_OPERATOR = _ANALYST | {"audit:read", "models:read", "evidence:export", "incidents:manage", "feedback:review"}
_ADMIN = _OPERATOR | {
    *("keys:manage", "policies:manage", "settings:manage", "detectors:manage"),
    *("frameworks:manage", "knowledge:manage", "retention:manage"),
}

SCOPES_OF: dict[Role, frozenset[str]] = {
    Role.VIEWER: _VIEWER,
    Role.ANALYST: _ANALYST,
    Role.OPERATOR: _OPERATOR,
    Role.ADMIN: _ADMIN,
    Role.PLATFORM_ADMIN: _ADMIN | {"tenants:manage", "models:manage"},
}


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


def grantable_scopes(
    tenant_id: UUID, roles: frozenset[Role], wanted: frozenset[str] | None
) -> frozenset[str]:
    """Return the scopes a token with these roles gets, narrowed to ``wanted`` where given.

    Raises:
        ServiceError: INVALID_REQUEST for platform_admin outside the operator tenant, for no role at
            all, or for a scope that none of the roles has.
    """
    if not roles:
        raise ServiceError(ErrorCode.INVALID_REQUEST, "at least one role is needed", field="roles")
    if Role.PLATFORM_ADMIN in roles and tenant_id != OPERATOR_TENANT_ID:
        raise ServiceError(
            ErrorCode.INVALID_REQUEST,
            f"platform_admin exists only in the tenant '{OPERATOR_TENANT_NAME}'",
            field="roles",
        )
    available = frozenset[str]().union(*(SCOPES_OF[role] for role in roles))
    if wanted is None:
        return available
    if beyond := sorted(wanted - available):
        raise ServiceError(
            ErrorCode.INVALID_REQUEST, f"these roles do not have the scope '{beyond[0]}'", field="scopes"
        )
    return wanted
