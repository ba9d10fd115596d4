"""Who may see a page: a session is opened with a key, and the key is verified on every request."""

from dataclasses import dataclass
from typing import Protocol

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.web_session import WebSession, WebSessions
from analysis_svc.web.cookies import jar_of

_VISITOR = "visitor"


class Verifier(Protocol):
    """Checks a key."""

    async def verify(self, token: str) -> Principal:
        """Return the caller, or raise ServiceError UNAUTHORIZED or SERVICE_UNAVAILABLE."""
        ...


class SignInNeededError(Exception):
    """Nobody is signed in, or no longer.

    Args:
        notice: name of the sentence that the form says about it; empty for none.
    """

    def __init__(self, notice: str = "") -> None:
        super().__init__(notice)
        self.notice = notice


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page.

    Attributes:
        principal: whom the key names.
        session: what was opened with it.
        secret: of the session, from the cookie.
    """

    principal: Principal
    session: WebSession
    secret: str


def signed_in(scope: str | None = None) -> Guard:
    """Make a guard that lets only those in who are signed in with a key that carries the scope."""

    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # noqa: ARG001 - the shape of a guard
        visitor = await _visitor(connection)
        state = connection.scope.setdefault("state", {})
        state[_VISITOR] = visitor
        state["principal"] = visitor.principal  # what the access log names the tenant by
        if scope is not None and scope not in visitor.principal.scopes:
            raise ServiceError(
                ErrorCode.INSUFFICIENT_RBAC,
                f"the key that you signed in with does not carry the scope '{scope}'",
            )

    return guard


async def _visitor(connection: ASGIConnection) -> Visitor:  # type: ignore[type-arg]
    secret = connection.cookies.get(jar_of(connection).session)
    if not secret:
        raise SignInNeededError
    sessions: WebSessions = connection.app.state.web_sessions
    session = await sessions.get(secret)
    if session is None:
        raise SignInNeededError("ended")
    verifier: Verifier = connection.app.state.verifier
    try:
        principal = await verifier.verify(session.token)
    except ServiceError as error:
        if error.code is not ErrorCode.UNAUTHORIZED:
            raise
        await sessions.close(secret)
        raise SignInNeededError("key") from None
    return Visitor(principal, session, secret)


def visitor_of(scope: Scope) -> Visitor:
    """Hand whoever is signed in to a page; only valid behind a ``signed_in`` guard."""
    visitor = scope.get("state", {}).get(_VISITOR)
    if not isinstance(visitor, Visitor):
        raise TypeError("page without a signed_in() guard")
    return visitor
