"""The closed set of errors this service answers with; api/problems.py maps each to HTTP."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable machine-readable reasons; clients branch on these, never on the prose."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    INSUFFICIENT_RBAC = "INSUFFICIENT_RBAC"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    CONFLICT = "CONFLICT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


class ServiceError(Exception):
    """A failure the caller is told about.

    Args:
        code: one of the closed set.
        detail: a sentence for the person who reads it; never contains content that was sent.
        field: path of the offending request field, such as ``findings[3].label``, where there is one.
    """

    def __init__(self, code: ErrorCode, detail: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field


class StorageUnavailableError(ServiceError):
    """The database did not take or give what was asked, and the same call may work later."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, "the database does not answer; try again")
