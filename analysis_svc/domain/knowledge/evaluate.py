"""How good a ranking is, against places that people said are right."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from analysis_svc.domain.knowledge.models import Hit

DEPTH = 10
"""Ranks that count."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A question and the places that are right, in lower case, such as "ac-2"."""

    question: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures over questions, each in [0, 1].

    Attributes:
        mrr: mean over the questions of 1 / rank of the first right place within DEPTH, 0 where there is none.
        recall: mean share of the right places that are within DEPTH.
        questions: how many.
    """

    mrr: float
    recall: float
    questions: int


def places(hits: Iterable[Hit]) -> list[str]:
    """Return the controls that hits are of, best first, each once; an enhancement counts as its control."""
    return list(dict.fromkeys(hit.ref_id.lower().partition("(")[0] for hit in hits if hit.ref_id))


def measure(rankings: Sequence[Sequence[str]], right: Sequence[Collection[str]]) -> Quality:
    """Measure rankings of places.

    Args:
        rankings: one for each question, best first.
        right: the right places of each question.
    """
    reciprocal = recalled = 0.0
    for ranking, wanted in zip(rankings, right, strict=True):
        top = ranking[:DEPTH]
        reciprocal += next((1 / rank for rank, place in enumerate(top, start=1) if place in wanted), 0.0)
        recalled += len(set(top) & set(wanted)) / len(wanted)
    count = len(rankings)
    return Quality(reciprocal / count, recalled / count, count) if count else Quality(0.0, 0.0, 0)
