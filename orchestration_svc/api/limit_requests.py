"""Limits around the requests that do work: who may pass, what is told of it, and when it is over."""

from collections.abc import Awaitable
from typing import Protocol, TypeAlias, cast

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Guard, Message, Receive, Scope, Send
from litestar.types.asgi_types import HTTPReceiveMessage, WebSocketReceiveMessage

from orchestration_svc.api.guards import PRINCIPAL, provide_principal, requires
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.limits import MINUTE_S, Admission, Exceeded, RequestLimiter, TenantLimits

# Named here, as what a function within a function is said to return is worked out at each request.
_Received: TypeAlias = HTTPReceiveMessage | WebSocketReceiveMessage
_TOO_MANY = 429
_LATER_S = 10
_ADMISSION = "limit_admission"
_DECLARED = "limit_declared_bytes"
_TOLD = {
    Exceeded.REQUESTS: "the tenant has no more requests left in this minute",
    Exceeded.KEY_REQUESTS: "this key has no more requests left in this minute",
    Exceeded.CONCURRENT: "too many requests of the tenant are under way",
    Exceeded.CONTENT: "the tenant has sent as much as it may today",
}


async def limited(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # noqa: ARG001 - the shape of a guard
    """Let a request pass that is within its tenant's limits; stands behind ``requires``.

    Raises:
        ServiceError: RATE_LIMITED.
    """
    limiter: RequestLimiter = connection.app.state.limiter
    tenant_limits: TenantLimits = connection.app.state.tenant_limits
    principal = provide_principal(connection.scope)
    declared = _declared_bytes(connection)
    limits = await tenant_limits.of(principal.tenant_id)
    admission = await limiter.admit(principal.tenant_id, principal.token_id, limits, content_bytes=declared)
    _keep(connection, admission, declared)


class JointQuestion(Protocol):
    """Asks at once whether a caller may call and is within the limits."""

    async def __call__(
        self, token: str, scope: str, *, content_bytes: int
    ) -> tuple[Principal, Admission] | None:
        """Return who calls and what was counted, None for any doubt; ServiceError for a token not good."""
        ...


def requires_within_limits(scope: str) -> Guard:
    """Make a guard that does what ``requires(scope)`` and then `limited` do, by one question if it can."""
    required = requires(scope)

    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]
        joint: JointQuestion | None = connection.app.state.joint_check
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if joint is not None and scheme.lower() == "bearer" and token.strip():
            declared = _declared_bytes(connection)
            passed = await joint(token.strip(), scope, content_bytes=declared)
            if passed is not None:
                connection.scope.setdefault("state", {})[PRINCIPAL] = passed[0]
                _keep(connection, passed[1], declared)
                return
        await cast("Awaitable[None]", required(connection, handler))
        await limited(connection, handler)

    return guard


def _keep(connection: ASGIConnection, admission: Admission, declared: int) -> None:  # type: ignore[type-arg]
    state = connection.scope["state"]
    state[_ADMISSION], state[_DECLARED] = admission, declared
    if admission.exceeded is not None:
        raise ServiceError(ErrorCode.RATE_LIMITED, _TOLD[admission.exceeded])


def with_limits(app: ASGIApp, limiter: RequestLimiter) -> ASGIApp:
    """Wrap the application: tell limits in headers, charge what was really sent, end what was let in."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        received = 0

        async def counted() -> _Received:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
            return message

        async def send_with_headers(message: Message) -> None:
            admission = scope.get("state", {}).get(_ADMISSION)
            if message["type"] == "http.response.start" and admission is not None:
                message["headers"] = [*message.get("headers", []), *_headers(admission, message["status"])]
            await send(message)

        try:
            await app(scope, counted, send_with_headers)
        finally:
            await _end(scope, limiter, received)

    return handle


async def _end(scope: Scope, limiter: RequestLimiter, received: int) -> None:
    state = scope.get("state", {})
    admission: Admission | None = state.get(_ADMISSION)
    principal = state.get("principal")
    if admission is None or admission.exceeded is not None or not isinstance(principal, Principal):
        return
    if admission.ticket is not None:
        await limiter.leave(principal.tenant_id, admission.ticket)
    if admission.counts_content and received > state[_DECLARED]:
        await limiter.charge(principal.tenant_id, received - state[_DECLARED])


def _declared_bytes(connection: ASGIConnection) -> int:  # type: ignore[type-arg]
    declared = connection.headers.get("content-length", "")
    return int(declared) if declared.isascii() and declared.isdigit() else 0


def _headers(admission: Admission, status: int) -> list[tuple[bytes, bytes]]:
    told: dict[str, int | str] = {}
    if admission.limit is not None:
        told = {
            "ratelimit-limit": admission.limit,
            "ratelimit-remaining": admission.remaining,
            "ratelimit-reset": admission.reset_s,
            "ratelimit-policy": f"{admission.limit};w={MINUTE_S}",
        }
    if admission.exceeded is not None:
        told["retry-after"] = max(1, admission.retry_after_s)
    elif status == _TOO_MANY:  # of something that has to end first, as jobs
        told["retry-after"] = _LATER_S
    return [(name.encode("ascii"), str(value).encode("ascii")) for name, value in told.items()]
