"""The one table from errors to HTTP, answered as application/problem+json (RFC 9457)."""

import re
import traceback
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.types import ExceptionHandlersMap

from orchestration_svc.api.orchestrate_wire import OrchestrateAnswer
from orchestration_svc.domain.errors import ErrorCode, ServiceError

_log = structlog.get_logger("orchestration_svc")

# code → (status, retryable)
TABLE: dict[ErrorCode, tuple[int, bool]] = {
    ErrorCode.INVALID_REQUEST: (400, False),
    ErrorCode.UNAUTHORIZED: (401, False),
    ErrorCode.INSUFFICIENT_RBAC: (403, False),
    ErrorCode.POLICY_DENIED: (403, False),
    ErrorCode.POLICY_NOT_FOUND: (400, False),
    ErrorCode.NOT_FOUND: (404, False),
    ErrorCode.METHOD_NOT_ALLOWED: (405, False),
    ErrorCode.REQUEST_TIMEOUT: (408, True),
    ErrorCode.CONFLICT: (409, False),
    ErrorCode.PAYLOAD_TOO_LARGE: (413, False),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: (415, False),
    ErrorCode.RATE_LIMITED: (429, True),
    ErrorCode.INTERNAL_ERROR: (500, True),
    ErrorCode.ALL_DETECTORS_UNAVAILABLE: (502, True),
    ErrorCode.SERVICE_UNAVAILABLE: (503, True),
}
MEDIA_TYPE = "application/problem+json"

_CODE_OF_STATUS = {
    status: code
    for code, (status, _) in TABLE.items()
    if code not in (ErrorCode.POLICY_NOT_FOUND, ErrorCode.POLICY_DENIED)
}

_AT_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_ENUM_VALUE = re.compile(r"^Invalid enum value .*$", re.DOTALL)
_ABSENT = re.compile(r"Missing required (?P<kind>\w+) parameter '(?P<name>[^']{1,64})'")
_NAMED_FIELD = re.compile(r"(?:unknown|required) field `(?P<name>[^`]{1,64})")


class FieldFault(msgspec.Struct, frozen=True):
    """One fault of one request field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error answer.

    ``error_code`` is of a closed set; ``retryable`` says whether the same call may work later.
    """

    type: str
    title: str
    status: int
    detail: str
    error_code: ErrorCode
    retryable: bool
    errors: list[FieldFault] = []
    correlation_id: str | None = None


def decoding_fault(error: msgspec.MsgspecError) -> ServiceError:
    """Turn a body that does not fit its schema into the error that names the field."""
    text = str(error)
    at = _AT_PATH.search(text)
    path = at["path"] if at else ""
    message = text[: at.start()] if at else text
    message = _ENUM_VALUE.sub("Not one of the allowed values", message)  # msgspec quotes what was sent
    if named := _NAMED_FIELD.search(message):
        path = f"{path}.{named['name']}" if path else named["name"]
    return ServiceError(ErrorCode.INVALID_REQUEST, message[:300], field=path or "body")


def problem_response(request: Request[Any, Any, Any], error: ServiceError) -> Response[Problem]:
    """Build the answer for an error of the closed set."""
    status, retryable = TABLE[error.code]
    headers = {"WWW-Authenticate": 'Bearer realm="llama-mapper"'} if status == HTTPStatus.UNAUTHORIZED else {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "2"
    return Response(
        Problem(
            type=f"urn:llama-mapper:problem:{error.code.value.lower()}",
            title=HTTPStatus(status).phrase,
            status=status,
            detail=error.detail,
            error_code=error.code,
            retryable=retryable,
            errors=[
                *([FieldFault(error.field, error.detail)] if error.field else []),
                *(FieldFault(field, message) for field, message in error.faults),
            ],
            correlation_id=request.scope.get("state", {}).get("correlation_id"),
        ),
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _from_service(request: Request[Any, Any, Any], error: ServiceError) -> Response[Problem]:
    return problem_response(request, error)


def _from_litestar(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    if isinstance(error, ValidationException):
        faults = error.extra if isinstance(error.extra, list) else []
        first = faults[0] if faults and isinstance(faults[0], dict) else {}
        field = str(first.get("key", "")) or "body"
        message = str(first.get("message", "")) or "the request does not fit its schema"
        if first.get("source") == "header":  # Litestar has the name of the handler's argument: if_match
            field = "-".join(part.capitalize() for part in field.split("_"))
        elif not faults and (absent := _ABSENT.match(error.detail)):
            field, message = absent["name"], f"the {absent['kind']} parameter is needed"
        if field == "data":  # Litestar's name for a body that was not sent at all
            field, message = "body", "a JSON body is needed"
        return problem_response(request, ServiceError(ErrorCode.INVALID_REQUEST, message[:300], field=field))
    code = _CODE_OF_STATUS.get(error.status_code)
    if code is None:
        code = ErrorCode.INVALID_REQUEST if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else None
    if code is None or code is ErrorCode.INTERNAL_ERROR:
        return _from_fault(request, error)
    detail = _LITESTAR_DETAIL.get(code, "the request is not valid")
    response = problem_response(request, ServiceError(code, detail))
    response.headers.update(error.headers or {})
    return response


_LITESTAR_DETAIL = {
    ErrorCode.NOT_FOUND: "there is nothing at this path",
    ErrorCode.METHOD_NOT_ALLOWED: "this path does not take this method",
    ErrorCode.PAYLOAD_TOO_LARGE: "the request body is larger than this service takes",
}


def _from_fault(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    # The exception's own text may hold request data, so only its type and where it rose are logged.
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    _log.error(
        "unhandled_error",
        error_type=type(error).__qualname__,
        at=[f"{frame.filename.rsplit('/', 3)[-1]}:{frame.lineno}:{frame.name}" for frame in frames],
    )
    detail = "the service failed to answer; the correlation id finds the log line"
    return problem_response(request, ServiceError(ErrorCode.INTERNAL_ERROR, detail))


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ServiceError: _from_service,
    HTTPException: _from_litestar,
    Exception: _from_fault,
}

# Shown in the OpenAPI document; the controller answers it with its own Struct.
PARTIAL = {
    206: ResponseSpec(
        OrchestrateAnswer,
        generate_examples=False,
        description="Partial: error_code and missing say what the answer lacks",
    )
}

_ANY = (
    ErrorCode.INVALID_REQUEST,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.INSUFFICIENT_RBAC,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.SERVICE_UNAVAILABLE,
)
# What reading a body adds to that.
BODY = (ErrorCode.REQUEST_TIMEOUT, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.UNSUPPORTED_MEDIA_TYPE)


def faults(*codes: ErrorCode) -> dict[int, ResponseSpec]:
    """List, for the OpenAPI document, what an operation behind a token may answer besides its success.

    Args:
        codes: what it may answer beyond the faults that any such operation has.
    """
    return {status: _documented(status) for status in sorted({TABLE[code][0] for code in (*_ANY, *codes)})}


def _documented(status: int) -> ResponseSpec:
    return ResponseSpec(
        Problem, generate_examples=False, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE
    )


def public_faults() -> dict[int, ResponseSpec]:
    """List what `faults` does, for an operation that needs no token."""
    codes = (ErrorCode.INTERNAL_ERROR, ErrorCode.SERVICE_UNAVAILABLE)
    return {TABLE[code][0]: _documented(TABLE[code][0]) for code in codes}
