"""Taking findings out of a text. Pure: what goes in comes back changed, and nothing is kept."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestration_svc.domain.detection import JsonValue

MASK = "*"
_UNNAMED = "REDACTED"
_LABEL_FIELDS = ("entity_type", "type", "label", "detection", "detection_type")
_LABEL_MAX = 40
# Drawn onto, or joined to, what stands before them: left behind they would tell of what was taken out.
_ATTACHED = frozenset({"Mn", "Me", "Mc"})
_JOINER = "\u200d"
_SKIN_TONES = range(0x1F3FB, 0x1F400)


class Style(StrEnum):
    """What stands in the place of a finding.

    Members:
        MASK: one asterisk for each code point, so that every offset stays as it was.
        PLACEHOLDER: its label and a number, the same for the same words in all texts of a request.
    """

    MASK = "mask"
    PLACEHOLDER = "placeholder"


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found.

    Attributes:
        start: first code point.
        end: the code point behind the last.
        label: what it was found to be, in anybody's words.
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """One place that was changed.

    Attributes:
        start: first code point in the text as it was.
        end: the code point behind the last in the text as it was.
        new_start: first code point of what stands there now.
        new_end: the code point behind its last.
        label: of the finding; of several that overlap, the one that begins first and is longest.
    """

    start: int
    end: int
    new_start: int
    new_end: int
    label: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its findings, and where they were, in order."""

    text: str
    replacements: tuple[Replacement, ...]


class UnplacedFindingError(ValueError):
    """A finding cannot be taken out, as nobody says where it is; the text must not be passed on."""


def spans_in(output: JsonValue) -> tuple[Span, ...]:
    """Read the places out of what a detector said; entries without a place are passed over.

    Args:
        output: one entry or a list of them, as adapters reduce them.

    Raises:
        UnplacedFindingError: an entry has one end only, or an end that is no whole number.
    """
    entries = output if isinstance(output, list) else [output]
    return tuple(_span(entry) for entry in entries if isinstance(entry, dict) and _has_place(entry))


def redact(text: str, spans: Sequence[Span], style: Style) -> Redacted:
    """Take the findings out of one text.

    Raises:
        UnplacedFindingError: a span is empty or reaches beyond the text.
    """
    return redact_all([text], [spans], style)[0]


def redact_all(texts: Sequence[str], spans: Sequence[Sequence[Span]], style: Style) -> list[Redacted]:
    """Take the findings out of the texts of one request.

    Overlapping findings are taken out as one. A finding is widened over combining marks, joiners and skin
    tones that belong to its last letter, and over the whole of a letter that it begins within.

    Args:
        texts: all texts of the request; placeholders are numbered over them all.
        spans: for each text what was found in it, in any order.
        style: what stands there instead.

    Raises:
        UnplacedFindingError: a span is empty or reaches beyond its text.
    """
    names = _Names(texts)
    return [_redacted(text, found, style, names) for text, found in zip(texts, spans, strict=True)]


def _redacted(text: str, spans: Sequence[Span], style: Style, names: "_Names") -> Redacted:
    parts: list[str] = []
    made: list[Replacement] = []
    read = written = 0
    for span in _merged(text, spans):
        kept, taken = text[read : span.start], text[span.start : span.end]
        instead = MASK * len(taken) if style is Style.MASK else names.of(span.label, taken)
        parts += (kept, instead)
        written += len(kept)
        made.append(Replacement(span.start, span.end, written, written + len(instead), span.label))
        written += len(instead)
        read = span.end
    parts.append(text[read:])
    return Redacted("".join(parts), tuple(made))


def _merged(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    widened = [_widened(text, span) for span in spans]
    current: Span | None = None
    for span in sorted(widened, key=lambda one: (one.start, -one.end, one.label)):
        if current is not None and span.start < current.end:
            current = Span(current.start, max(current.end, span.end), current.label)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current


def _widened(text: str, span: Span) -> Span:
    if not 0 <= span.start < span.end <= len(text):
        raise UnplacedFindingError("a finding lies outside of its text")
    start, end = span.start, span.end
    while start > 0 and _belongs_to_the_one_before(text, start):
        start -= 1
    while end < len(text) and _belongs_to_the_one_before(text, end):
        end += 1
    return Span(start, end, span.label)


def _belongs_to_the_one_before(text: str, place: int) -> bool:
    char = text[place]
    return (
        char == _JOINER
        or text[place - 1] == _JOINER
        or ord(char) in _SKIN_TONES
        or unicodedata.category(char) in _ATTACHED
    )


class _Names:
    """Gives out placeholders, none of which stands in the texts already."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._given: dict[tuple[str, str], str] = {}
        self._last: dict[str, int] = {}

    def of(self, label: str, taken: str) -> str:
        """Return the placeholder of these words; composed and decomposed letters are the same words."""
        kind = re.sub(r"[^A-Z0-9]+", "_", label.upper()).strip("_")[:_LABEL_MAX].strip("_") or _UNNAMED
        key = (kind, unicodedata.normalize("NFC", taken))
        if key not in self._given:
            self._given[key] = self._next(kind)
        return self._given[key]

    def _next(self, kind: str) -> str:
        number = self._last.get(kind, 0) + 1
        # Else whoever puts the words back could not tell ours from one that the author wrote.
        while any(f"[{kind}_{number}]" in text for text in self._texts):
            number += 1
        self._last[kind] = number
        return f"[{kind}_{number}]"


def label_of(entry: dict[str, JsonValue]) -> str:
    """Return what an entry of a detector's output calls its finding; empty when it does not say."""
    said = (entry.get(field) for field in _LABEL_FIELDS)
    return next((label for label in said if isinstance(label, str) and label), "")


def _has_place(entry: dict[str, JsonValue]) -> bool:
    return entry.get("start") is not None or entry.get("end") is not None


def _span(entry: dict[str, JsonValue]) -> Span:
    start, end = entry.get("start"), entry.get("end")
    if not (type(start) is int and type(end) is int):
        raise UnplacedFindingError("a finding says only in part where it is")
    return Span(start, end, label_of(entry))
