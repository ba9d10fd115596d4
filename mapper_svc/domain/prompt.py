"""The text that the mapper's model reads for one raw label, in training and in serving."""

import re

from mapper_svc.domain.normalised_label import normalise

PROMPT_VERSION = "1"
"""Changes with what `prompt` returns; a model is only right for the prompt it was trained on."""
RAW_BYTES = 160
"""Longest raw label in a prompt, in UTF-8 bytes. A byte-level vocabulary never needs more tokens than bytes,
so a prompt of any script has at most about twice as many tokens; labels in the data end at 91 bytes."""
VENDOR_BYTES = 48
"""Longest vendor name in a prompt, in UTF-8 bytes."""
_GAP = " … "
_OUTER = " .!?\u3002\uff01\uff1f"
_SPACES = re.compile(r"\s+")


def prompt(raw: str, vendor: str | None = None) -> str:
    """Returns `vendor: raw (normalised) =>`, the answer to which is the token of a label.

    The normalised form is left out where it adds nothing, because the raw one is the same words but for case
    and outer punctuation: sentences, and scripts without case, which cost several tokens a character.

    Args:
        raw: the label as the detector spells it; a long one loses its middle.
        vendor: id of the vendor file, or None when the detector is nobody's known one.
    """
    shown = shorten(_SPACES.sub(" ", raw).strip(), RAW_BYTES)
    words = shorten(normalise(raw), RAW_BYTES)
    label = shown if _is_plain(shown, words) else f"{shown} ({words})"
    if vendor is None:
        return f"{label} =>"
    return f"{shorten(vendor.replace('_', ' '), VENDOR_BYTES)}: {label} =>"


def shorten(text: str, limit: int) -> str:
    """Returns a text of at most so many UTF-8 bytes that keeps both its ends and breaks no character.

    Two thirds are the beginning, because what a rule is about is mostly told first.
    """
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    room = limit - len(_GAP.encode())
    head = room * 2 // 3
    first = encoded[:head].decode("utf-8", "ignore")
    last = encoded[len(encoded) - (room - head) :].decode("utf-8", "ignore")
    return first.rstrip() + _GAP + last.lstrip()


def _is_plain(shown: str, words: str) -> bool:
    return not words or shown.casefold().strip(_OUTER) == words
