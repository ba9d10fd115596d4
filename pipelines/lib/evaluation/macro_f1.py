import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.figure import Figure, Weights, resampled


def macro_f1(answers: Answers, gold: Gold) -> Figure | None:
    """Returns the mean of F1 over the labels, with an interval from resampling the cases.

    A right answer counts as one of the gold label, also where another label is accepted. The mean is over
    every label that is gold or answered in some case; F1 = 2 TP / (2 TP + FP + FN). None without a case.
    """
    if not len(gold.places):
        return None
    right = answers.right(gold)
    wrong = answers.given & ~right
    is_label = np.eye(len(gold.labels))

    def of_weights(weights: Weights) -> NDArray[np.float64]:
        hits = weights[:, right] @ is_label[gold.places[right]]
        missed = weights[:, ~right] @ is_label[gold.places[~right]]
        mistaken = weights[:, wrong] @ is_label[answers.places[wrong]]
        total = 2 * hits + missed + mistaken
        seen = total > 0
        f1 = np.divide(2 * hits, total, out=np.zeros_like(total), where=seen)
        means: NDArray[np.float64] = f1.sum(axis=1) / seen.sum(axis=1)
        return means

    return resampled(len(right), of_weights)
