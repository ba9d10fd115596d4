"""What is fitted on the validation rows once the tiers are trained."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.scoring.calibration import Calibration
from pipelines.lib.scoring.log_softmax import log_softmax
from pipelines.lib.training.measure import Share, confidence_loss, mean_log_loss

_WEIGHTS = np.linspace(0.0, 1.0, 41)
_TEMPERATURES = (0.05, 20.0)
_LOWEST_THRESHOLD = 0.6
_PRECISION = 0.97
_Z = 1.2815515655446004
"""Quantile of the normal distribution for a one-sided interval of 90 %.

The share itself would not do: the lowest of many thresholds that reach it is one that was lucky.
"""


def fit_calibration(
    model_logits: NDArray[np.floating],
    head_logits: NDArray[np.floating],
    accepted: NDArray[np.bool_],
    nameable: NDArray[np.bool_],
) -> Calibration:
    """Fits temperatures, weight and threshold to the validation rows.

    Each tier gets its own temperature first, so that the weight says which tier is to be trusted and not
    which one has the larger logits. Then comes the weight with which the right labels are likeliest. The last
    temperature makes the confidence of the answer the chance that it is right, and the threshold follows from
    that confidence.

    Args:
        model_logits: of the model, validation rows by labels.
        head_logits: of the embedding head, the same rows.
        accepted: which labels are right, the same rows by labels; at least one in each row.
        nameable: which labels the mapper takes from a model; the threshold is fitted on answers with these.
    """
    model_temperature = fit_temperature(model_logits, accepted, mean_log_loss)
    head_temperature = fit_temperature(head_logits, accepted, mean_log_loss)
    model, head = log_softmax(model_logits / model_temperature), log_softmax(head_logits / head_temperature)
    best = (np.inf, 0.0)
    for weight in _WEIGHTS:
        mixed = (1 - weight) * model + weight * head
        temperature = fit_temperature(mixed, accepted, mean_log_loss)
        best = min(best, (mean_log_loss(log_softmax(mixed / temperature), accepted), float(weight)))
    weight = best[1]
    temperature = fit_temperature((1 - weight) * model + weight * head, accepted, confidence_loss)
    unbounded = Calibration(weight, model_temperature, head_temperature, temperature, threshold=None)
    probabilities = np.exp(unbounded.combined(model_logits, head_logits))
    answers = probabilities.argmax(axis=1)
    right, taken = accepted[np.arange(len(answers)), answers], nameable[answers]
    threshold = fit_threshold(probabilities.max(axis=1)[taken], right[taken])
    return msgspec.structs.replace(unbounded, threshold=threshold)


def fit_temperature(
    logits: NDArray[np.floating],
    accepted: NDArray[np.bool_],
    loss: Callable[[NDArray[np.float64], NDArray[np.bool_]], float],
) -> float:
    """Returns the temperature with the least loss (Guo et al. 2017 for the likelihood of the right label)."""
    low, high = np.log(_TEMPERATURES[0]), np.log(_TEMPERATURES[1])
    found = minimize_scalar(
        lambda log_t: loss(log_softmax(logits / np.exp(log_t)), accepted),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))


def fit_threshold(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float | None:
    """Returns the smallest confidence of at least 0.6 from which on 97 % of the answers are surely right.

    Surely: at the lower end of the one-sided 90 % Wilson interval (Wilson 1927).

    Args:
        confidence: probability of the answer, for each case.
        right: whether the answer was right.

    Returns:
        The threshold, an answer at which counts as above it; None when there is none.
    """
    candidates = np.unique(confidence[confidence > _LOWEST_THRESHOLD])
    for threshold in (_LOWEST_THRESHOLD, *candidates):
        above = right[confidence >= threshold]
        if Share.of(int(above.sum()), len(above), _Z).low >= _PRECISION:
            return float(threshold)
    return None


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration as JSON, whole or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")
