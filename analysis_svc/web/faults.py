"""What went wrong, as a page that a person can read."""

import traceback
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.web import paths
from analysis_svc.web.doors import SignInNeededError, Visitor
from analysis_svc.web.html import leave_for, render
from analysis_svc.web.page import by_htmx, frame

_log = structlog.get_logger("analysis_svc")

_STATUS = {
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.INSUFFICIENT_RBAC: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TIMEOUT: 408,
    ErrorCode.CONFLICT: 409,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.SERVICE_UNAVAILABLE: 503,
}
_HEADINGS = {
    400: "That cannot be shown",
    403: "Not with this key",
    404: "Nothing is here",
    409: "Someone was faster",
    503: "Not at the moment",
}


def show_fault(request: Request[Any, Any, Any], status: int, detail: str) -> Response[str]:
    """Answer the page that says what went wrong."""
    state = request.scope.get("state", {})
    visitor = state.get("visitor")
    return render(
        "fault.html",
        frame(request, visitor if isinstance(visitor, Visitor) else None)
        | {
            "heading": _HEADINGS.get(status, HTTPStatus(status).phrase),
            "detail": detail,
            "status": status,
            "correlation_id": state.get("correlation_id", ""),
        },
        status=status,
    )


def _from_service(request: Request[Any, Any, Any], error: ServiceError) -> Response[str]:
    return show_fault(request, _STATUS.get(error.code, 500), _sentence(error.detail))


def _sentence(detail: str) -> str:
    return detail[:1].upper() + detail[1:] + ("" if detail.endswith((".", "?", "!")) else ".")


def _from_litestar(request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _from_fault(request, error)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return show_fault(request, error.status_code, "There is no such page.")
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return show_fault(request, error.status_code, "This form is larger than any that the page has.")
    return show_fault(request, error.status_code, "The address or the form does not fit this page.")


def _from_fault(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    # As api/problems.py has it: the exception's own text may hold request data.
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    _log.error(
        "unhandled_error",
        error_type=type(error).__qualname__,
        at=[f"{frame.filename.rsplit('/', 3)[-1]}:{frame.lineno}:{frame.name}" for frame in frames],
    )
    return show_fault(
        request, 500, "This page could not be made. The number below finds the line in the log."
    )


def _sign_in(request: Request[Any, Any, Any], error: SignInNeededError) -> Response[str]:
    query = request.scope["query_string"].decode("latin-1")
    wanted = paths.back_to(f"{request.scope['path']}?{query}" if query else request.scope["path"])
    pairs = {"notice": error.notice} if error.notice else {}
    if request.method == "GET" and wanted != paths.HOME:
        pairs["next"] = wanted
    address = f"{paths.SIGN_IN}?{urlencode(pairs)}" if pairs else paths.SIGN_IN
    return leave_for(address, by_htmx=by_htmx(request))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    SignInNeededError: _sign_in,
    ServiceError: _from_service,
    HTTPException: _from_litestar,
    Exception: _from_fault,
}
