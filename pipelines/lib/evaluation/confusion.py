from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold

WORST = 20
"""Pairs that are listed."""


class ConfusedPair(msgspec.Struct, frozen=True):
    """Two labels of which one is taken for the other.

    Attributes:
        gold: what is right.
        answered: what was said.
        cases: how often.
        of: cases of the gold label.
    """

    gold: str
    answered: str
    cases: int
    of: int


class Confusion(msgspec.Struct, frozen=True):
    """What is taken for what.

    Attributes:
        pillars: the pillars, in the order of rows and columns.
        counts: cases by pillar of the gold label and of the answer; a right answer counts as the gold label.
        worst: the pairs of labels that are confused most often.
    """

    pillars: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    worst: tuple[ConfusedPair, ...]


def confusion_of(answers: Answers, gold: Gold, pillars: Sequence[str]) -> Confusion:
    """Counts what is taken for what; every case must be answered."""
    right = answers.right(gold)
    said: NDArray[np.int64] = np.where(right, gold.places, answers.places)
    place = {pillar: at for at, pillar in enumerate(pillars)}
    of_label = np.array([place[label.partition(".")[0]] for label in gold.labels])
    counts = np.zeros((len(pillars), len(pillars)), dtype=np.int64)
    np.add.at(counts, (of_label[gold.places], of_label[said]), 1)
    pairs = Counter(
        (int(one), int(other)) for one, other in zip(gold.places[~right], said[~right], strict=True)
    )
    cases = np.bincount(gold.places, minlength=len(gold.labels))
    worst = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:WORST]
    return Confusion(
        pillars=tuple(pillars),
        counts=tuple(tuple(int(one) for one in row) for row in counts),
        worst=tuple(
            ConfusedPair(gold.labels[one], gold.labels[other], number, int(cases[one]))
            for (one, other), number in worst
        ),
    )
