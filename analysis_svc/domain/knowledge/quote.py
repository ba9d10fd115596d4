"""The words of a chunk that answer best, verbatim."""

import re
from collections.abc import Mapping

MAX_QUOTE = 300
"""Characters of a quote."""
_SENTENCE = re.compile(r"[^\n.;!?]+(?:[.;!?](?![\s\n]|$)[^\n.;!?]*)*[.;!?]*")
_LABEL = re.compile(r"\(?[a-z0-9]{1,3}[.)]|\([a-z0-9]{1,3}\)[.;]?", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_LEAST_STEM = 3


def best_quote(text: str, weights: Mapping[str, float], *, limit: int = MAX_QUOTE) -> str:
    """Return the run of sentences, at most `limit` characters, that holds most of the words asked for.

    Args:
        text: of the chunk.
        weights: how much each stem of the question counts.
        limit: most characters.
    """
    spans = _sentences(text)
    if not spans:
        return text[:limit].strip()
    # Each word is compared once, however many runs it is in.
    known: dict[str, frozenset[str]] = {}
    best, most = spans[0], -1.0
    for first, (start, _) in enumerate(spans):
        last = first
        while last + 1 < len(spans) and spans[last + 1][1] - start <= limit:
            last += 1
        end = spans[last][1]
        worth = _worth(text[start : min(end, start + limit)], weights, known)
        # Only more is better, so that of equal runs the first, which introduces the rest, is taken.
        if worth > most + 1e-9:
            best, most = (start, end), worth
    return _cut(text[slice(*best)].strip(), limit)


def _sentences(text: str) -> list[tuple[int, int]]:
    """Return where sentences stand; a label, such as "a." or "1.", belongs to what it is the label of."""
    spans: list[tuple[int, int]] = []
    label: int | None = None
    for found in _SENTENCE.finditer(text):
        if not found.group().strip():
            continue
        start, end = found.span()
        if label is not None:
            start = label
        label = start if _LABEL.fullmatch(text[start:end].strip()) else None
        if label is None:
            spans.append((start, end))
    # One that nothing follows is no more than a word.
    if label is not None:
        spans.append((label, len(text)))
    return spans


def _worth(text: str, weights: Mapping[str, float], known: dict[str, frozenset[str]]) -> float:
    asked: set[str] = set()
    for word in set(_WORD.findall(text.lower())):
        stems = known.get(word)
        if stems is None:
            stems = known[word] = frozenset(stem for stem in weights if _alike(stem, word))
        asked |= stems
    return sum(weights[stem] for stem in asked)


def _alike(stem: str, word: str) -> bool:
    """Tell whether a word has that stem, as near as is needed to choose a sentence."""
    if stem == word:
        return True
    least = max(_LEAST_STEM, len(stem) - 1)
    return len(stem) >= _LEAST_STEM and word[:least] == stem[:least] and len(word) <= len(stem) + 5


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    shorter = text[:limit]
    return shorter[: shorter.rfind(" ")] if " " in shorter[limit // 2 :] else shorter
