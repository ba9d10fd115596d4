"""Authorisation of what concerns every tenant."""

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from mapper_svc.api.guards import provide_principal
from mapper_svc.domain.errors import ErrorCode, ServiceError

PLATFORM_ADMIN = "platform_admin"


def platform_only(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # noqa: ARG001 - the shape of a guard
    """Let only the platform's admins pass; stands behind a ``requires`` guard, which knows the caller."""
    if PLATFORM_ADMIN not in provide_principal(connection.scope).roles:
        raise ServiceError(ErrorCode.INSUFFICIENT_RBAC, f"only the role '{PLATFORM_ADMIN}' may do this")
