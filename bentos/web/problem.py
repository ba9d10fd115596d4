"""Errors as the services give them: application/problem+json with a code of a closed set (RFC 9457)."""

from enum import StrEnum
from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_SECONDS = 1


class ErrorCode(StrEnum):
    """The codes that a Bento answers with."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


# code → (status, retryable)
TABLE: dict[ErrorCode, tuple[HTTPStatus, bool]] = {
    ErrorCode.INVALID_REQUEST: (HTTPStatus.BAD_REQUEST, False),
    ErrorCode.UNAUTHORIZED: (HTTPStatus.UNAUTHORIZED, False),
    ErrorCode.NOT_FOUND: (HTTPStatus.NOT_FOUND, False),
    ErrorCode.METHOD_NOT_ALLOWED: (HTTPStatus.METHOD_NOT_ALLOWED, False),
    ErrorCode.REQUEST_TIMEOUT: (HTTPStatus.REQUEST_TIMEOUT, True),
    ErrorCode.PAYLOAD_TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, False),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, False),
    ErrorCode.INTERNAL_ERROR: (HTTPStatus.INTERNAL_SERVER_ERROR, True),
    ErrorCode.SERVICE_UNAVAILABLE: (HTTPStatus.SERVICE_UNAVAILABLE, True),
}


class ProblemError(Exception):
    """An error that is answered to the caller; its detail never quotes what was sent."""

    def __init__(self, code: ErrorCode, detail: str, *, retryable: bool | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retryable = TABLE[code][1] if retryable is None else retryable


class _Problem(msgspec.Struct, frozen=True):
    type: str
    title: str
    status: int
    detail: str
    error_code: ErrorCode
    retryable: bool


def problem_response(error: ProblemError) -> Response:
    """Returns the answer for an error."""
    status, _ = TABLE[error.code]
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="llama-mapper"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE and error.retryable:
        headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    problem = _Problem(
        type=f"urn:llama-mapper:problem:{error.code.value.lower()}",
        title=status.phrase,
        status=status.value,
        detail=error.detail,
        error_code=error.code,
        retryable=error.retryable,
    )
    return Response(msgspec.json.encode(problem), status.value, headers, MEDIA_TYPE)
