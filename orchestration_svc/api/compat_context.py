"""What the compatible APIs have in common."""

import structlog
from opentelemetry import propagate

from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.judge_text import Verdict
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices

FAULTS = (
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.RATE_LIMITED,
    ErrorCode.ALL_DETECTORS_UNAVAILABLE,
)
"""What each of their operations may answer beyond what any operation may."""


def call_context() -> CallContext:
    """Return what travels with the calls of the request under way."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return CallContext(
        correlation_id=structlog.contextvars.get_contextvars().get("correlation_id", ""), headers=headers
    )


def fails_closed(verdict: Verdict, choices: RequestChoices) -> bool:
    """Whether a text counts as flagged with nothing found in it: its policy blocks it, or not all looked."""
    return verdict.blocked or (bool(verdict.undetermined) and choices.fail_mode is FailMode.CLOSED)
