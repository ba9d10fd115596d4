from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapper_svc.domain.name_labels import NEVER_NAMED
from pipelines.lib.evaluation.case import Case

ABSTAINED = -1
"""The place of an answer that was not given."""


@dataclass(frozen=True)
class Gold:
    """What is right for cases, as places in the list of labels.

    Attributes:
        labels: the labels of the edition.
        places: the gold label of each case.
        accepted: cases by labels, whether a label is right.
    """

    labels: tuple[str, ...]
    places: NDArray[np.int64]
    accepted: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: Sequence[Case], labels: Sequence[str]) -> "Gold":
        """Returns what is right for cases.

        Raises:
            KeyError: a gold label is none of the edition's.
        """
        places = {label: at for at, label in enumerate(labels)}
        accepted = np.zeros((len(cases), len(labels)), dtype=np.bool_)
        for row, case in enumerate(cases):
            accepted[row, [places[label] for label in case.accepted]] = True
        gold = np.array([places[case.gold] for case in cases], dtype=np.int64)
        return cls(tuple(labels), gold, accepted)

    def __getitem__(self, taken: NDArray[np.bool_]) -> "Gold":
        return Gold(self.labels, self.places[taken], self.accepted[taken])


@dataclass(frozen=True)
class Answers:
    """What one tier says of cases.

    Attributes:
        places: place of each answer in the list of labels, or `ABSTAINED`.
        confidence: how sure each answer is, in [0, 1]; None for a tier that does not say.
    """

    places: NDArray[np.int64]
    confidence: NDArray[np.float64] | None = None

    @classmethod
    def of_distributions(cls, distributions: NDArray[np.float64]) -> "Answers":
        """Returns the likeliest labels with their probabilities."""
        return cls(distributions.argmax(axis=1).astype(np.int64), distributions.max(axis=1))

    @classmethod
    def of_labels(cls, given: Sequence[str | None], labels: Sequence[str]) -> "Answers":
        """Returns answers that were given as labels; None is one that was not given."""
        places = {label: at for at, label in enumerate(labels)}
        found = [ABSTAINED if label is None else places[label] for label in given]
        return cls(np.array(found, dtype=np.int64))

    @property
    def given(self) -> NDArray[np.bool_]:
        """Which cases were answered."""
        found: NDArray[np.bool_] = self.places != ABSTAINED
        return found

    def right(self, gold: Gold) -> NDArray[np.bool_]:
        """Returns which cases were answered right; no answer is not right."""
        rows = np.arange(len(self.places))
        found: NDArray[np.bool_] = self.given & gold.accepted[rows, self.places]
        return found

    def nameable(self, labels: Sequence[str]) -> NDArray[np.bool_]:
        """Returns which answers the mapper takes from a model at all, however sure it is."""
        never = [at for at, label in enumerate(labels) if label in NEVER_NAMED]
        found: NDArray[np.bool_] = self.given & ~np.isin(self.places, never)
        return found

    def above(self, threshold: float | None, labels: Sequence[str]) -> "Answers":
        """Returns what the mapper answers by the model, the other answers as not given.

        Those are the answers with a confidence of at least the threshold, less the labels that only rules
        may give. Without a threshold no answer is to be relied on.
        """
        if threshold is None or self.confidence is None:
            return Answers(np.full_like(self.places, ABSTAINED), self.confidence)
        sure = (self.confidence >= threshold) & self.nameable(labels)
        return Answers(np.where(sure, self.places, ABSTAINED), self.confidence)

    def or_else(self, others: "Answers") -> "Answers":
        """Returns these answers, and those of another tier where there is none."""
        return Answers(np.where(self.given, self.places, others.places))

    def __getitem__(self, taken: NDArray[np.bool_]) -> "Answers":
        confidence = None if self.confidence is None else self.confidence[taken]
        return Answers(self.places[taken], confidence)
