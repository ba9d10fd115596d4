"""How well a place answers a question: one number, from what both searches saw in it."""

from collections.abc import Mapping

NOT_IN_SOURCES_UNDER = 0.5
"""Relevance below which the sources are said not to answer."""

# Bounds of the cosine of MiniLM between a question and a place: at the lower one it says nothing for the
# place, at the upper one all it can. Chosen on questions with and without an answer in the sources.
_COSINE_NOTHING = 0.25
_COSINE_ALL = 0.65


def relevance(*, cosine: float, covered: float, asked: float) -> float:
    """Return relevance in [0, 1]: the mean of likeness in meaning and of the share of words found.

    Args:
        cosine: similarity of question and place.
        covered: weight of the question's words that stand in the place or its headings.
        asked: weight of all words of the question; those that no source knows count in full.
    """
    meaning = (cosine - _COSINE_NOTHING) / (_COSINE_ALL - _COSINE_NOTHING)
    words = covered / asked if asked > 0 else 0.0
    return (min(1.0, max(0.0, meaning)) + min(1.0, words)) / 2


def total(weights: Mapping[str, float]) -> float:
    """Return the weight of all words of a question."""
    return sum(weights.values())
