"""A detector behind HTTP, whatever language it speaks: one POST, an answer that is capped, no text kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import msgspec

from orchestration_svc.adapters.http_calls import (
    AnswerTooLargeError,
    CallError,
    CallTimeoutError,
    ConnectTimeoutError,
    HttpAnswer,
    HttpCalls,
    NoRoomError,
)
from orchestration_svc.adapters.outbound_rule import OutboundRefusedError
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    JsonValue,
)

_MAX_ANSWER_BYTES = 1024 * 1024
_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
_OK = 200
_SERVER_ERRORS = 500
_REFUSALS = 400
_REFUSED_BECAUSE = {
    401: FailureReason.ACCESS_REFUSED,
    403: FailureReason.ACCESS_REFUSED,
    404: FailureReason.NO_SUCH_PATH,
    405: FailureReason.NO_SUCH_PATH,
    429: FailureReason.RATE_LIMITED,
}
# Said of nothing and nobody; a detector that answers it properly is one that answers.
NEUTRAL_TEXT = "The tram stops at the old market."


class WrongShapeError(Exception):
    """An answer is not what the language has; nothing of it is quoted."""


class WireFormat(Protocol):
    """The language that a server speaks."""

    @property
    def path(self) -> str:
        """Path of the operation, behind the base URL."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that the language asks for."""
        ...

    def body(self, text: str) -> JsonValue:
        """Return what to POST for one text."""
        ...

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep labels, offsets, scores and severities of an answer.

        Raises:
            WrongShapeError: it is no answer to one text, or something was found and nothing says what.
        """
        ...


class SecretSource(Protocol):
    """Finds the secret that a detector is called with."""

    def header(self) -> Mapping[str, str]:
        """Return the header that carries it, none when none is sent; DetectorFault when it is not there."""
        ...


class NoSecret:
    """Sends none."""

    def header(self) -> Mapping[str, str]:
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """Which server is called for which detector.

    Attributes:
        name: of the detector.
        base_url: of the server, without the language's path.
        vendor: whose label language it speaks.
        version: of the server or model.
        timeout_ms: how long a call may take.
        content_types: media types that it can read.
        secret: what it is called with.
        tenant: who named the server; None for the operator.
    """

    name: str
    base_url: str
    vendor: str
    version: str = "unknown"
    timeout_ms: int = 1_000
    content_types: frozenset[str] = frozenset({"text/plain"})
    secret: SecretSource = field(default_factory=NoSecret)
    tenant: UUID | None = None


class HttpDetector:
    """One detector of one server.

    Args:
        target: which.
        wire: the language it speaks.
        client: makes the calls; shared and closed by its owner.
    """

    def __init__(self, target: HttpTarget, wire: WireFormat, client: HttpCalls) -> None:
        self.name = target.name
        self.vendor = target.vendor
        self.version = target.version
        self.content_types = target.content_types
        self.timeout_ms = target.timeout_ms
        self._target = target
        self._wire = wire
        self._client = client
        self._base = target.base_url.rstrip("/")

    async def detect_remote(self, text: str, context: CallContext) -> DetectorOutput:
        """Ask the server about one text.

        Raises:
            DetectorFault: unavailable when it cannot be reached or may not be, failed for 4xx and 5xx,
                unparsed for any other status but 200 and for an answer that is too large or none.
        """
        return await self._looked(text, context, None)

    async def detect_within(self, text: str, context: CallContext, timeout_s: float) -> DetectorOutput:
        """Ask the server about one text within a time that may be shorter than its own.

        Raises:
            DetectorFault: as `detect_remote`; timeout also when it could not be reached within that time.
        """
        return await self._looked(text, context, timeout_s)

    async def check_health(self, path: str) -> None:
        """Ask for a path that answers 200 when the server is well.

        Raises:
            DetectorFault: it does not.
        """
        await self._exchange("GET", path, None, CallContext())

    async def close(self) -> None:
        """Nothing of its own to close."""

    async def _looked(self, text: str, context: CallContext, within_s: float | None) -> DetectorOutput:
        answer = await self._exchange("POST", self._wire.path, self._wire.body(text), context, within_s)
        try:
            return self._wire.reduce(_decoded(answer), text)
        except (WrongShapeError, RecursionError):
            raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE) from None

    async def _exchange(
        self, method: str, path: str, body: JsonValue, context: CallContext, within_s: float | None = None
    ) -> bytes:
        own_s = self.timeout_ms / 1000
        headers = self._headers(context)
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self._client.call(
                method,
                self._base + path,
                headers=headers,
                body=content,
                timeout_s=own_s if within_s is None else min(own_s, within_s),
                max_bytes=_MAX_ANSWER_BYTES,
                tenant=self._target.tenant,
            )
        except OutboundRefusedError:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.ADDRESS_REFUSED) from None
        except CallTimeoutError:
            # No connection in time is an unreachable server; anything later is a slow one.
            raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG) from None
        except ConnectTimeoutError:
            if within_s is not None:  # the caller's haste, and not known to be the server's absence
                raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG) from None
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE) from None
        except NoRoomError:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.TOO_MANY_CALLS) from None
        except AnswerTooLargeError:
            raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_TOO_LARGE) from None
        except CallError:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE) from None
        _raise_for(answer)
        return answer.body

    def _headers(self, context: CallContext) -> dict[str, str]:
        headers = {name: value for name, value in context.headers.items() if name.lower() in _TRACE_HEADERS}
        headers.update(self._wire.headers)
        # What is packed small can be unpacked very large.
        headers["Accept-Encoding"] = "identity"
        if context.correlation_id:
            headers["X-Correlation-ID"] = context.correlation_id
        headers.update(self._target.secret.header())
        return headers


def _raise_for(answer: HttpAnswer) -> None:
    status = answer.status
    if status >= _SERVER_ERRORS:
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.SERVER_ERROR)
    if status >= _REFUSALS:
        reason = _REFUSED_BECAUSE.get(status, FailureReason.REFUSED)
        raise DetectorFault(DetectorStatus.FAILED, reason)
    if status != _OK or answer.headers.get("content-encoding", "identity") != "identity":
        # A redirect or "no content" is nobody's answer about this text, whatever body comes with it.
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)


def _decoded(answer: bytes) -> JsonValue:
    try:
        return msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_NOT_JSON) from None
