"""A detector server that speaks the FMS detectors API: POST /api/v1/text/contents."""

import os
import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from orchestration_svc.adapters.detectors.answer_parts import list_of, object_of, span_of
from orchestration_svc.adapters.detectors.http_detector import HttpDetector, HttpTarget, WrongShapeError
from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.domain.detection import DetectorOutput, JsonValue

_PATH = "/api/v1/text/contents"
# A detection is kept when it reads like a label; servers exist that put the matched text there.
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_ .:/-]{0,63}")
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
        hedge_after_ms: when a call without an answer is made a second time beside the first; 0 for never.
    """

    name: str
    base_url: str
    detector_id: str
    vendor: str = "fms_detectors_api"
    timeout_ms: int = 1_000
    auth_env: str = ""
    hedge_after_ms: int = 0


class _ConfigOnWire(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    base_url: str
    detector_id: str
    vendor: str = "fms_detectors_api"
    timeout_ms: int = 1_000
    auth_env: str = ""
    hedge_after_ms: int = 0


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
        "hedge_after_ms": 0 <= entry.hedge_after_ms < entry.timeout_ms,
        "auth_env": re.fullmatch(r"[A-Za-z0-9_]*", entry.auth_env),
    }
    wrong = [field for field, good in checks.items() if not good]
    if wrong:
        raise ValueError(f"remote detectors: {wrong[0]} of entry {place} is wrong")
    return HttpDetectorConfig(**msgspec.structs.asdict(entry))


class FmsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``detector_id`` says which of the server's detectors is asked."""

    detector_id: Annotated[str, Meta(pattern=r"^[!-~]{1,200}$(?!\n)")]
    detector_params: dict[str, Any] = {}


class FmsDetectors:
    """The FMS detectors API. Keeps labels, places and scores of the detections."""

    path = _PATH

    def __init__(self, options: FmsOptions) -> None:
        self.headers = {"detector-id": options.detector_id}
        self._params = options.detector_params

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        return {"contents": [text], "detector_params": self._params}

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep the detections of the one text that was sent; WrongShapeError."""
        (detections,) = list_of(answer, length=1)
        entries = [_reduce_entry(object_of(entry), text) for entry in list_of(detections)]
        scores = [entry["score"] for entry in entries if "score" in entry]
        return DetectorOutput(entries, max(scores, default=None))


class _EnvironmentToken:
    def __init__(self, variable: str) -> None:
        self._variable = variable

    def header(self) -> dict[str, str]:
        token = os.environ.get(self._variable, "") if self._variable else ""
        return {"Authorization": f"Bearer {token}"} if token else {}


def configured_detector(config: HttpDetectorConfig, client: HttpCalls) -> HttpDetector:
    """Make the detector that a setting names."""
    target = HttpTarget(
        name=config.name,
        base_url=config.base_url,
        vendor=config.vendor,
        timeout_ms=config.timeout_ms,
        content_types=frozenset({"text/plain", "text/markdown"}),
        secret=_EnvironmentToken(config.auth_env),
    )
    return HttpDetector(target, FmsDetectors(FmsOptions(config.detector_id)), client)


def _reduce_entry(entry: dict[str, JsonValue], text: str) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {**span_of(entry)}
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
        raise WrongShapeError
    return kept


def _folded(value: JsonValue) -> str:
    return value.casefold() if isinstance(value, str) else ""
