"""A document before it is HTML or PDF: blocks in order, plain text only, no mark-up of any target."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Tone(StrEnum):
    """How something is meant; every renderer gives it a colour, and the words say it as well."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    """Nobody can say, which is neither good nor bad."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's title; ``level`` 1 or 2."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A statement that must not be overlooked."""

    title: str
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its name and what to know about it."""

    label: str
    value: str
    note: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Tiles:
    """Numbers side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; ``share`` of the width, ``right`` for numbers."""

    title: str
    share: int = 1
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; with a tone other than plain it is shown as a badge."""

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a caption; ``empty`` stands there when there are none."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "None."


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing (SVG), what it shows in words, and its caption."""

    svg: str
    alternative: str
    caption: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of short statements."""

    texts: tuple[str, ...]


Block: TypeAlias = Heading | Paragraph | Notice | Tiles | Table | Chart | Items


@dataclass(frozen=True, slots=True)
class Document:
    """The whole of it.

    Attributes:
        title: of the document.
        subtitle: what period, which part.
        facts: names and values for its head.
        blocks: in order.
        digest: SHA-256 in hex of the data that it was made of.
        language: BCP 47.
    """

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    digest: str
    language: str = "en-GB"
