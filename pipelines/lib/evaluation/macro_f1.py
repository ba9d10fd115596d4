import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.figure import Figure, resampled


def macro_f1(answers: Answers, gold: Gold) -> Figure | None:
    """Returns the mean of F1 over the labels, with an interval from resampling the cases.

    A right answer counts as one of the gold label, also where another label is accepted. The mean is over
    every label that is gold or answered in some case; F1 = 2 TP / (2 TP + FP + FN). None without a case.
    """
    if not len(gold.places):
        return None
    right = answers.right(gold)
    wrong = answers.given & ~right
    labels = len(gold.labels)

    def of_weights(weights: NDArray[np.int64]) -> float:
        hits = np.bincount(gold.places[right], weights[right], labels)
        missed = np.bincount(gold.places[~right], weights[~right], labels)
        mistaken = np.bincount(answers.places[wrong], weights[wrong], labels)
        total = 2 * hits + missed + mistaken
        seen = total > 0
        return float(np.mean(2 * hits[seen] / total[seen]))

    return resampled(of_weights(np.ones(len(right), dtype=np.int64)), len(right), of_weights)
