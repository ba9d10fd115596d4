"""Whether what a detector said can be passed on: labels, offsets, scores and severities, and nothing else."""

import json
import math

from orchestration_svc.domain.detection import JsonValue

# The mapper's limit for a raw label is the same.
_MAX_STRING_CHARS = 200
_MAX_ENTRY_CHARS = 16 * 1024
_MAX_DEPTH = 32
# Beyond it not every reader of JSON keeps a whole number exactly.
_LARGEST_WHOLE = 2**53 - 1


def is_reduced(output: JsonValue) -> bool:
    """Whether an output can hold labels, offsets, scores and severities only, and can be written as JSON.

    A string over 200 characters is no label, and one entry over 16 KiB is no finding: whatever it is, it goes
    no further. Neither does what is nested more than 32 deep, a number that is not finite, or a string with
    half a surrogate pair, which UTF-8 cannot hold. None says nothing and is never taken for "nothing found".
    """
    entries = output if isinstance(output, list) else [output]
    return output is not None and all(
        _is_plain(entry, _MAX_DEPTH) and len(json.dumps(entry)) <= _MAX_ENTRY_CHARS for entry in entries
    )


def is_confidence(value: object) -> bool:
    """Whether a value can be a detector's confidence: None, or a number in [0, 1]."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_plain(value: JsonValue, levels: int) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_STRING_CHARS and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict | list) and levels == 0:
        return False
    if isinstance(value, dict):
        return all(
            isinstance(name, str) and _is_plain(name, 0) and _is_plain(part, levels - 1)
            for name, part in value.items()
        )
    if isinstance(value, list):
        return all(_is_plain(part, levels - 1) for part in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) <= _LARGEST_WHOLE)
