"""A detector server that speaks the FMS detectors API: POST /api/v1/text/contents."""

import os
import re
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
)

_PATH = "/api/v1/text/contents"
_MAX_ANSWER_BYTES = 1024 * 1024
_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
# A detection is kept when it reads like a label; servers exist that put the matched text there.
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_ .:/-]{0,63}")
# Beyond every text that settings allow, in whatever unit it is counted.
_LARGEST_OFFSET = 2**31
_OK = 200
_SERVER_ERRORS = 500
_REFUSALS = 400
_LONGEST_TIMEOUT_MS = 600_000


@dataclass(frozen=True, slots=True)
class HttpDetectorConfig:
    """A remote detector.

    Attributes:
        name: how requests and policies call it.
        base_url: of the server, without the path.
        detector_id: which of the server's detectors; sent as the header ``detector-id``.
        vendor: whose label language it speaks.
        timeout_ms: how long a call may take.
        auth_env: name of the environment variable that holds its bearer token; empty for none.
    """

    name: str
    base_url: str
    detector_id: str
    vendor: str = "fms_detectors_api"
    timeout_ms: int = 1_000
    auth_env: str = ""


class _ConfigOnWire(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    base_url: str
    detector_id: str
    vendor: str = "fms_detectors_api"
    timeout_ms: int = 1_000
    auth_env: str = ""


def read_http_detectors(text: str) -> tuple[HttpDetectorConfig, ...]:
    """Read the list of remote detectors from JSON.

    Raises:
        ValueError: naming the entry and field that is wrong.
    """
    try:
        entries = msgspec.json.decode(text, type=list[_ConfigOnWire])
    except msgspec.DecodeError as error:
        raise ValueError(f"remote detectors: {error}") from None
    return tuple(_checked(place, entry) for place, entry in enumerate(entries))


def _checked(place: int, entry: _ConfigOnWire) -> HttpDetectorConfig:
    checks = {
        "name": re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", entry.name),
        "base_url": re.match(r"https?://[^/\s]", entry.base_url),
        # A header's value: visible ASCII only.
        "detector_id": re.fullmatch(r"[!-~]{1,200}", entry.detector_id),
        "vendor": re.fullmatch(r"[A-Za-z0-9_.:/-]{1,128}", entry.vendor),
        "timeout_ms": 1 <= entry.timeout_ms <= _LONGEST_TIMEOUT_MS,
        "auth_env": re.fullmatch(r"[A-Za-z0-9_]*", entry.auth_env),
    }
    wrong = [field for field, good in checks.items() if not good]
    if wrong:
        raise ValueError(f"remote detectors: {wrong[0]} of entry {place} is wrong")
    return HttpDetectorConfig(**msgspec.structs.asdict(entry))


class FmsHttpDetector:
    """One detector of one server.

    Args:
        config: which.
        client: makes the calls; shared and closed by its owner.
    """

    def __init__(self, config: HttpDetectorConfig, client: httpx.AsyncClient) -> None:
        self.name = config.name
        self.vendor = config.vendor
        self.version = "unknown"  # the API has no way to ask
        self.content_types = frozenset({"text/plain", "text/markdown"})
        self.timeout_ms = config.timeout_ms
        self._config = config
        self._client = client
        self._url = config.base_url.rstrip("/") + _PATH

    async def detect_remote(self, text: str, context: CallContext) -> DetectorOutput:
        """Ask the server about one text.

        Raises:
            DetectorFault: unavailable when it cannot be reached, failed for 4xx and 5xx, unparsed for any
                other status but 200 and for an answer that is too large or no list of lists of detections.
        """
        body = {"contents": [text], "detector_params": {}}
        try:
            async with self._client.stream(
                "POST", self._url, json=body, headers=self._headers(context), timeout=self.timeout_ms / 1000
            ) as response:
                _raise_for(response.status_code)
                answer = await _read_capped(response)
        except httpx.TimeoutException as error:
            # No connection in time is an unreachable server; anything later is a slow one.
            unreached = isinstance(error, httpx.ConnectTimeout)
            status = DetectorStatus.UNAVAILABLE if unreached else DetectorStatus.TIMEOUT
            reason = FailureReason.UNREACHABLE if unreached else FailureReason.RAN_TOO_LONG
            raise DetectorFault(status, reason) from None
        except (httpx.TransportError, httpx.InvalidURL):
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.UNREACHABLE) from None
        except httpx.HTTPError:
            raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE) from None
        return _reduce(answer, text)

    async def close(self) -> None:
        """Nothing of its own to close."""

    def _headers(self, context: CallContext) -> dict[str, str]:
        headers = {name: value for name, value in context.headers.items() if name.lower() in _TRACE_HEADERS}
        headers["detector-id"] = self._config.detector_id
        if context.correlation_id:
            headers["X-Correlation-ID"] = context.correlation_id
        token = os.environ.get(self._config.auth_env, "") if self._config.auth_env else ""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _raise_for(status: int) -> None:
    if status >= _SERVER_ERRORS:
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.SERVER_ERROR)
    if status >= _REFUSALS:
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.REFUSED)
    if status != _OK:
        # A redirect or "no content" is nobody's answer about this text, whatever body comes with it.
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)


async def _read_capped(response: httpx.Response) -> bytes:
    parts = bytearray()
    async for chunk in response.aiter_bytes():
        parts += chunk
        if len(parts) > _MAX_ANSWER_BYTES:
            raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_TOO_LARGE)
    return bytes(parts)


def _reduce(answer: bytes, text: str) -> DetectorOutput:
    try:
        decoded = msgspec.json.decode(answer)
    except msgspec.DecodeError:
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_NOT_JSON) from None
    # One list for each content that was sent, and one was sent.
    if not (isinstance(decoded, list) and len(decoded) == 1 and isinstance(decoded[0], list)):
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)
    entries = [_reduce_entry(entry, text) for entry in decoded[0]]
    scores = [entry["score"] for entry in entries if "score" in entry]
    return DetectorOutput(entries, max(scores, default=None))


def _reduce_entry(entry: Any, text: str) -> dict[str, Any]:  # noqa: ANN401 - any JSON may come
    if not isinstance(entry, dict):
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)
    kept: dict[str, Any] = {}
    for field in ("start", "end"):
        place = entry.get(field)
        if isinstance(place, int) and not isinstance(place, bool) and 0 <= place <= _LARGEST_OFFSET:
            kept[field] = place
    matched = text[kept["start"] : kept["end"]] if {"start", "end"} <= kept.keys() else ""
    for field in ("detection_type", "detection"):
        label = entry.get(field)
        quotes = isinstance(label, str) and label.casefold() in {
            matched.casefold(),
            _folded(entry.get("text")),
        }
        if isinstance(label, str) and _LABEL.fullmatch(label) and not quotes:
            kept[field] = label
    score = entry.get("score")
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
        kept["score"] = float(score)
    if not {"detection_type", "detection"} & kept.keys():
        # Something was found and nothing says what: that is not "nothing found".
        raise DetectorFault(DetectorStatus.UNPARSED, FailureReason.ANSWER_WRONG_SHAPE)
    return kept


def _folded(value: Any) -> str:  # noqa: ANN401 - any JSON may come
    return value.casefold() if isinstance(value, str) else ""
