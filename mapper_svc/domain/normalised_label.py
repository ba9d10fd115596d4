import re
import unicodedata

_NO_SPLIT = 2
"""An acronym in front of a word has at least this many capitals: `IPAddress` is split, `OAuth` is not."""


def normalise(raw: str) -> str:
    """Returns a raw label as lower-case words, the form that a model reads beside the raw one.

    In this order:
    1. Unicode NFKC, so that full-width and composed forms are one.
    2. camelCase is split: before a capital that follows a small letter, before the capital that begins a word
       after a digit (`OAuth2Token`), and before the last capital of an acronym in front of a word
       (`IPAddress`, but `MaliciousURLs` keeps its plural).
    3. Whatever is no letter, mark or digit of some script is a space: snake_case, kebab-case, paths, JSON.
    4. Case is folded and spaces are single. Digits stay where they are: `ipv4`, `s10`.

    A label with neither letter nor digit stays as it is, case folded.
    """
    text = unicodedata.normalize("NFKC", raw)
    words = "".join(char if _is_word(char) else " " for char in _split_camel(text))
    folded = unicodedata.normalize("NFKC", (words if words.strip() else text).casefold())
    return re.sub(r"\s+", " ", folded).strip()


def _is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"


def _is_upper(char: str) -> bool:
    # Scripts whose folded form is the capital one (Cherokee) have no camelCase.
    return char.isupper() and char != char.casefold()


def _split_camel(text: str) -> str:
    parts: list[str] = []
    for at, char in enumerate(text):
        if at and _is_upper(char) and _begins_word(text, at):
            parts.append(" ")
        parts.append(char)
    return "".join(parts)


def _begins_word(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at + 1 : at + 3]
    if before.isdigit():
        return bool(after) and after[0].islower()
    if before.islower():
        return True
    acronym = at >= _NO_SPLIT and all(_is_upper(char) for char in text[at - _NO_SPLIT : at])
    return acronym and len(after) == len("xx") and after.islower() and after.isalpha()
