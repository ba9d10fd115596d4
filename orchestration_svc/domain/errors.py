"""The closed set of errors this service answers with; api/problems.py maps each to HTTP."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Stable machine-readable reasons; clients branch on these, never on the prose."""

    INVALID_REQUEST = "INVALID_REQUEST"
    UNAUTHORIZED = "UNAUTHORIZED"
    INSUFFICIENT_RBAC = "INSUFFICIENT_RBAC"
    POLICY_DENIED = "POLICY_DENIED"
    NOT_FOUND = "NOT_FOUND"
    POLICY_NOT_FOUND = "POLICY_NOT_FOUND"
    CONFLICT = "CONFLICT"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    RATE_LIMITED = "RATE_LIMITED"
    ALL_DETECTORS_UNAVAILABLE = "ALL_DETECTORS_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"


class ServiceError(Exception):
    """A failure the caller is told about.

    Args:
        code: one of the closed set.
        detail: a sentence for the person who reads it; never contains content that was sent.
        field: path of the offending request field, such as ``detectors[1]``, where there is one.
        faults: further (name, message) pairs, such as what each detector answered.
    """

    def __init__(
        self,
        code: ErrorCode,
        detail: str,
        *,
        field: str | None = None,
        faults: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.faults = faults


class StorageUnavailableError(ServiceError):
    """The database did not take or give what was asked, and the same call may work later."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, "the database does not answer; try again")
