"""Authentication and authorisation: who is calling, and may they."""

from typing import Protocol

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope

from mapper_svc.domain.access import Principal
from mapper_svc.domain.errors import ErrorCode, ServiceError

PRINCIPAL = "principal"


class Verifier(Protocol):
    """Checks a bearer token."""

    async def verify(self, token: str) -> Principal:
        """Return the caller, or raise ServiceError UNAUTHORIZED or SERVICE_UNAVAILABLE."""
        ...


def requires(scope: str) -> Guard:
    """Make a guard that lets a call pass only with a valid token holding ``scope``."""

    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # noqa: ARG001 - the shape of a guard
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise ServiceError(
                ErrorCode.UNAUTHORIZED, "send a key or token as 'Authorization: Bearer <token>'"
            )
        verifier: Verifier = connection.app.state.verifier
        principal = await verifier.verify(token.strip())
        connection.scope.setdefault("state", {})[PRINCIPAL] = principal
        if scope not in principal.scopes:
            raise ServiceError(ErrorCode.INSUFFICIENT_RBAC, f"this token does not carry the scope '{scope}'")

    return guard


def provide_principal(scope: Scope) -> Principal:
    """Hand the verified caller to a handler; only valid behind a ``requires`` guard."""
    principal = scope.get("state", {}).get(PRINCIPAL)
    if not isinstance(principal, Principal):
        raise TypeError("handler without a requires() guard")
    return principal
