"""What adapters take out of answers: only what is surely a label, an offset or a score."""

import math
import re

from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import JsonValue

# Servers exist that put the matched text where a label belongs.
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_ .,:/&()+-]{0,99}")
# Beyond every text that settings allow, in whatever unit it is counted.
_LARGEST_OFFSET = 2**31


def object_of(value: JsonValue) -> dict[str, JsonValue]:
    """Return a value that must be an object; WrongShapeError otherwise."""
    if not isinstance(value, dict):
        raise WrongShapeError
    return value


def list_of(value: JsonValue, *, length: int | None = None) -> list[JsonValue]:
    """Return a value that must be a list, of that length where given; WrongShapeError otherwise."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise WrongShapeError
    return value


def flag_of(value: JsonValue) -> bool:
    """Return a value that must be true or false; WrongShapeError otherwise."""
    if not isinstance(value, bool):
        raise WrongShapeError
    return value


def label_of(value: JsonValue) -> str:
    """Return a value that must read like a label; WrongShapeError otherwise."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise WrongShapeError
    return value


def number_of(value: JsonValue, *, low: float = 0.0, high: float = 1.0) -> float:
    """Return a value that must be a number between the two; WrongShapeError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongShapeError
    if not math.isfinite(value) or not low <= value <= high:
        raise WrongShapeError
    return float(value)


def maybe_offset(value: JsonValue) -> int | None:
    """Return a value that is a place in a text, None for any other."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_OFFSET:
        return value
    return None


def span_of(entry: dict[str, JsonValue]) -> dict[str, int]:
    """Return ``start`` and ``end`` of an entry, as far as they are places in a text."""
    return {name: place for name in ("start", "end") if (place := maybe_offset(entry.get(name))) is not None}
