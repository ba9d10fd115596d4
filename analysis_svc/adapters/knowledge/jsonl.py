"""Reads JSON lines: one section a line, as official texts are exchanged as data."""

import json
from collections.abc import Mapping
from typing import Any

from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

# Names that the same thing goes by, first wins.
_REFERENCE = ("ref_id", "id")
_TITLE = ("name", "title")
_TEXT = ("text", "action", "content", "statement")
_WITHDRAWN = "[withdrawn"
_MOST_AROUND = 600
# Every part is looked up with all above it, which is quadratic in their number.
_MOST_PLACE = 16


def read_jsonl(content: bytes) -> list[Section]:
    """Read sections: `ref_id`, `name`, `text` and `path` (headings from the whole down, its own last).

    What stands in a line beside these is searched with it, never quoted. A place without a name of its own
    has that of the nearest place above it.

    Raises:
        UnreadableError: naming the line.
    """
    sections: list[Section] = []
    above: dict[tuple[str, ...], tuple[str, str]] = {}
    for number, line in enumerate(content.decode("utf-8", "strict").splitlines(), start=1):
        if not line.strip():
            continue
        row = _row(line, number)
        reference, title, text = (_text(row, names) for names in (_REFERENCE, _TITLE, _TEXT))
        path = row.get("path")
        place = tuple(str(part) for part in path) if isinstance(path, list) else ()
        if len(place) > _MOST_PLACE:
            raise UnreadableError(f"line {number} has a path of more than {_MOST_PLACE} parts")
        higher = [above[place[:depth]] for depth in range(1, len(place)) if place[:depth] in above]
        name = reference or next((one for one, _ in reversed(higher) if one), "")
        above[place] = (name, text[-_MOST_AROUND:])
        if not text or text.lower().startswith(_WITHDRAWN):
            continue
        around = [words for _, words in higher if words] + _beside(row)
        sections.append(Section(name, title, place, text, " ".join(around)[-_MOST_AROUND:]))
    return sections


def _row(line: str, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise UnreadableError(f"line {number} is not JSON") from None
    if not isinstance(row, dict):
        raise UnreadableError(f"line {number} is no object")
    return row


def _text(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(
        (row[name].strip() for name in names if isinstance(row.get(name), str) and row[name].strip()), ""
    )


def _beside(row: Mapping[str, Any]) -> list[str]:
    """Return what else a line says, but for identifiers of the file's own."""
    known = {*_REFERENCE, *_TITLE, *_TEXT, "path", "node", "framework"}
    parts: list[str] = []
    for name, value in row.items():
        if name in known:
            continue
        if isinstance(value, str):
            parts.append(value)
        elif isinstance(value, list):
            parts.extend(one for one in value if isinstance(one, str))
    return parts
