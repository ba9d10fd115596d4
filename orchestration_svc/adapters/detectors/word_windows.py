"""Windows of words, for classifiers whose features are shares of the whole text."""

import re

_WINDOW_WORDS = 32
_STRIDE_WORDS = 16
_WORD = re.compile(r"\S+")


def word_windows(text: str) -> list[tuple[int, int]]:
    """Overlapping windows of 32 words that cover the text, as code points; none when it fits into one."""
    words = [match.span() for match in _WORD.finditer(text)]
    if len(words) <= _WINDOW_WORDS:
        return []
    starts = range(0, len(words) - _WINDOW_WORDS + _STRIDE_WORDS, _STRIDE_WORDS)
    return [(words[at][0], words[min(at + _WINDOW_WORDS, len(words)) - 1][1]) for at in starts]
