"""Labels that no rule knows, each only once."""

import itertools
import random
from collections.abc import Iterator

_WHAT = (
    "patient chart number", "insulting nickname", "bank code", "house rule broken", "loud threat",
    "door code", "recipe for harm", "made-up citation", "copied lyrics", "hidden order", "home address",
    "hateful chant", "pay slip", "login phrase", "weapon plan", "self-injury hint", "fake invoice",
    "voter lie", "leaked draft",
)  # fmt: skip
_WHERE = (
    "chat", "mail", "upload", "ticket", "call notes", "export", "code review", "form", "image text",
    "answer", "tool call", "prompt", "calendar", "survey", "log",
)  # fmt: skip
_STYLE = ("{what} in {where} {number}", "RULE-{number}: {what} ({where})", "{where}.{what}.v{number}")


def unknown_labels(seed: int) -> Iterator[str]:
    """Yield labels without end and without repetition; other seeds give other labels."""
    draw = random.Random(seed)  # noqa: S311 - nothing is secret here
    for number in itertools.count(seed * 1_000_000):
        style = draw.choice(_STYLE)
        yield style.format(what=draw.choice(_WHAT), where=draw.choice(_WHERE), number=number)
