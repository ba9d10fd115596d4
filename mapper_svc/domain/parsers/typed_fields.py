"""Reads decoded JSON field by field. A wrong type is a fault, and the fault quotes nothing of the payload."""

from collections.abc import Mapping, Sequence
from typing import cast

from mapper_svc.domain.signals import MalformedError, OtherShapeError

Json = Mapping[str, object]


def shape(payload: object, *keys: str) -> Json:
    """Returns the payload as an object that has all of these keys.

    Raises:
        OtherShapeError: it is something else.
    """
    if not isinstance(payload, Mapping) or not all(key in payload for key in keys):
        raise OtherShapeError
    return cast("Json", payload)


def is_object(value: object) -> bool:
    """Whether a value is a JSON object."""
    return isinstance(value, Mapping)


def as_object(value: object, what: str) -> Json:
    """Returns an object, or raises MalformedError naming what it should have been."""
    if not isinstance(value, Mapping):
        raise MalformedError(f"{what} is no object")
    return cast("Json", value)


def as_list(value: object, what: str) -> Sequence[object]:
    """Returns a list, or raises MalformedError."""
    if not isinstance(value, list | tuple):
        raise MalformedError(f"{what} is no list")
    return value


def as_text(value: object, what: str) -> str:
    """Returns a text with something in it, or raises MalformedError."""
    if not isinstance(value, str) or not value.strip():
        raise MalformedError(f"{what} is no text")
    return value.strip()


def as_flag(value: object, what: str) -> bool:
    """Returns true or false, or raises MalformedError; 0, 1 and "true" are neither."""
    if not isinstance(value, bool):
        raise MalformedError(f"{what} is neither true nor false")
    return value


def as_number(value: object, what: str) -> float:
    """Returns a number, or raises MalformedError; true and false are none.

    NaN and the infinities pass: the scale of the score refuses them where it is read.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedError(f"{what} is no number")
    try:
        return float(value)
    except OverflowError:
        raise MalformedError(f"{what} is too large a number") from None


def maybe_number(value: object, what: str) -> float | None:
    """Returns a number, or None when there is none; raises MalformedError for anything else."""
    return None if value is None else as_number(value, what)


def maybe_offset(value: object) -> int | None:
    """Returns a position in the text, or None when it is not one: an odd offset spoils no finding."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:  # noqa: PLR2004
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def first(source: Json, *names: str) -> object:
    """Returns the first of several spellings of a field that is there and not null, or None."""
    for name in names:
        if source.get(name) is not None:
            return source[name]
    return None
