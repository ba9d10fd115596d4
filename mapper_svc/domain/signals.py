from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signal:
    """One label that a detector's output names. It never carries text of the content.

    Attributes:
        raw: the label as the detector spells it.
        score: the detector's own number, in its own direction; None when it gave none.
        severity: a named level, or a severity as number; None when it gave none.
        start: first character of the match, or None.
        end: character after the match, or None.
        flagged: True when the detector itself says that this is a hit, None when the threshold decides.
        parent: wider label to fall back on when the vendor's file does not know `raw`.
        group: index of the classification the label belongs to, where a payload carries several.
        note: what a reader should know, in our words; never taken from the payload.
    """

    raw: str
    score: float | None = None
    severity: str | float | None = None
    start: int | None = None
    end: int | None = None
    flagged: bool | None = None
    parent: str | None = None
    group: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a payload says.

    Attributes:
        signals: the labels named; none means that the detector found nothing.
        flagged: the payload as a whole says flagged or blocked.
        broken: why parts of the payload could not be read, in our words. A reading with a broken part is
            never clean.
    """

    signals: tuple[Signal, ...] = ()
    flagged: bool = False
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A payload that cannot be read at all; `reason` is in our words and quotes nothing of it."""

    reason: str


class MalformedError(Exception):
    """A payload is of the vendor's shape and broken; the message is in our words and quotes nothing of it."""


class OtherShapeError(Exception):
    """A payload is not of the shape this parser reads; the generic shape may still fit."""
