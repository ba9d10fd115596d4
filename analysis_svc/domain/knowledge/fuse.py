"""Two rankings as one, and the weight of a word."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

RRF_K = 60
"""The constant of reciprocal rank fusion, as Cormack, Clarke and Buettcher found it (SIGIR 2009)."""
BM25_K1 = 1.2
BM25_B = 0.4
"""Robertson and Zaragoza's BM25. Chunks are of like length by design, so that length counts for less than
with whole documents (b = 0.75 there); measured in `python -m benchmarks.bench_retrieval`."""

Key = TypeVar("Key", bound=Hashable)


def fuse(*rankings: Sequence[Key]) -> list[Key]:
    """Return what stands in any of the rankings, ordered by the sum of 1 / (RRF_K + rank)."""
    points: dict[Key, float] = defaultdict(float)
    for ranking in rankings:
        for rank, key in enumerate(ranking, start=1):
            points[key] += 1 / (RRF_K + rank)
    return sorted(points, key=lambda key: -points[key])


def word_weight(chunks: int, holding: int) -> float:
    """Return BM25's inverse document frequency.

    Args:
        chunks: how many are searched.
        holding: how many of them have the word.
    """
    return math.log(1 + (chunks - holding + 0.5) / (holding + 0.5))
