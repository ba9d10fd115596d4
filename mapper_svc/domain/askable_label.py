"""Which raw labels say something that can be read, and in which form they are asked about."""

import re

from mapper_svc.domain.label_model import LABEL_MAX
from mapper_svc.domain.normalised_label import normalise
from mapper_svc.domain.scrub_label import hide_content

_HIDDEN = re.compile(r"\[(?:url|email|number|token)\]")
_PIECE = re.compile(r"[^\W\d_]+|\d+")
_RULE_ID = re.compile(r"[A-Za-z]{1,5}[-_#. ]\d{2,}(?:[-_.]\d+)*")
_NUMBERED = frozenset(
    {"category", "cat", "class", "code", "entity", "id", "item", "label", "policy", "rule", "tag", "type"}
)
"""Words that with a number behind them are a place in somebody's list."""
_SHORT = 2


def is_opaque(label: str) -> bool:
    """Whether a label is a code that only its vendor's table can tell.

    Codes are: a letter or two with a number (`S10`, `T1059`), a word such as `label` or `category` with a
    number (`LABEL_1`), the id of a rule (`DLP-1042`), a single letter, and what has no letter. Letters beyond
    ASCII always say something: one of them may be a word.
    """
    text = label.strip()
    if not text.isascii():
        return not any(char.isalpha() for char in text)
    if _RULE_ID.fullmatch(text):
        return True
    pieces = _PIECE.findall(normalise(text))
    words = [piece for piece in pieces if not piece.isdigit()]
    if len(words) == len(pieces):
        return sum(map(len, words)) < _SHORT
    return all(len(word) <= _SHORT or word in _NUMBERED for word in words)


def askable_form(raw: str) -> str | None:
    """Returns a raw label in the form that a model, or a rule by similarity, may be asked about.

    What looks like content is hidden as for review, but whole sentences stay: some rules are named so.
    Returns None for a label that is opaque, or of which nothing readable is left; those mean nothing but to
    the vendor.
    """
    text = hide_content(raw)[:LABEL_MAX].strip()
    readable = _HIDDEN.sub(" ", text)
    return None if is_opaque(readable) else text
