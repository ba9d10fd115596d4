"""What surrounds every request: its correlation id, one log line, its metrics."""

import re
import time
import uuid
from typing import Protocol, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import trace

CORRELATION_HEADER = b"x-correlation-id"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_log = structlog.get_logger("analysis_svc.access")


class HttpMetrics(Protocol):
    """Counts answered requests."""

    def http_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        ...


def _correlation_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name.lower() == CORRELATION_HEADER:
            text = value.decode("latin-1")
            # Anything else could smuggle text or control characters into logs.
            return text if _ACCEPTED.fullmatch(text) else str(uuid.uuid4())
    return str(uuid.uuid4())


def _route(scope: Scope) -> str:
    # The template, not the path: a path may hold an id, and labels must stay few.
    return cast("str | None", scope.get("path_template")) or "unmatched"


def with_request_context(app: ASGIApp, metrics: HttpMetrics) -> ASGIApp:
    """Wrap the whole application, so that 404 and 405 are seen too."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        correlation_id = _correlation_id(scope)
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        span = trace.get_current_span()
        traced = span.get_span_context()
        structlog.contextvars.bind_contextvars(
            correlation_id=correlation_id,
            trace_id=f"{traced.trace_id:032x}" if traced.is_valid else None,
        )
        status = 500
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"

        async def send_with_header(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if span.is_recording():  # now, as the span ends with the last part of the answer
                    span.update_name(f"{method} {_route(scope)}")
                    span.set_attribute("http.route", _route(scope))
                message["headers"] = [
                    *message.get("headers", []),
                    (CORRELATION_HEADER, correlation_id.encode("latin-1")),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        started = time.perf_counter()
        try:
            await app(scope, receive, send_with_header)
        finally:
            seconds = time.perf_counter() - started
            route = _route(scope)
            metrics.http_request(method=method, route=route, status=status, seconds=seconds)
            if not route.startswith("/health"):
                principal = scope["state"].get("principal")
                _log.info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    duration_ms=round(seconds * 1000, 2),
                    tenant_id=str(principal.tenant_id) if principal else None,
                )
            structlog.contextvars.clear_contextvars()

    return handle


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
