import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise

LABEL_MAX = 200
"""Most characters of a raw label that are kept."""
_SCANNED = 1_000
_WORDS_MAX = 8
_ENTROPY_BITS = 3.2
_EMAIL = re.compile(r"[^\s@<>()\[\]{}|,;]{1,64}@[^\s@<>()\[\]{}|,;]{1,255}")
_DIGITS = re.compile(r"\d(?:[ .\-/()]{0,2}\d){5,}")
_URL = re.compile(r"[a-z][a-z0-9+.\-]{1,15}://\S+", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9+=~%\-_]{16,}")
_LONG = re.compile(r"\S{101,}")


def scrub_label(raw: str) -> str:
    """Returns a raw label fit to be kept and shown: at most 200 characters, without what looks like content.

    A careless detector puts the text it matched into its label, so addresses of mail and web, long runs of
    digits, tokens of high entropy, control characters and whole sentences are replaced or dropped.
    """
    text = hide_content(raw)
    if len(text.split()) > _WORDS_MAX:
        return "[text]"
    return text[:LABEL_MAX]


def hide_content(raw: str) -> str:
    """Returns a raw label, at most its first 1,000 characters, with what looks like content replaced.

    Whole sentences stay as they are.
    """
    visible = "".join(
        " " if char.isspace() else char
        for char in raw[:_SCANNED]
        if char.isspace() or unicodedata.category(char)[0] != "C"
    )
    text = _URL.sub("[url]", " ".join(visible.split()))
    text = _EMAIL.sub("[email]", text)
    text = _TOKEN.sub(_hide_token, text)
    text = _DIGITS.sub("[number]", text)
    return _LONG.sub("[token]", text)


def _hide_token(match: re.Match[str]) -> str:
    token = match.group()
    return "[token]" if _looks_secret(token) else token


def _looks_secret(token: str) -> bool:
    """Tells a key from a name: a key mixes digits into its letters and repeats few characters."""
    words = [part for part in re.split(r"[-_=]", token) if part]
    if all(re.fullmatch(r"[A-Za-z]+\d{0,3}|\d{1,4}", word) for word in words) and not _random_case(words):
        return False
    counts = Counter(token)
    entropy = -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())
    return entropy >= _ENTROPY_BITS


def _random_case(words: list[str]) -> bool:
    """Words in CamelCase change case rarely; random letters do so at every second one."""
    for word in words:
        changes = sum(a.islower() != b.islower() for a, b in pairwise(word) if a.isalpha())
        if len(word) >= 16 and changes > len(word) * 0.4:  # noqa: PLR2004 - the rule above, in numbers
            return True
    return False
