"""What is fitted once the tiers are trained."""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class TierLogits:
    """What both tiers say of the same rows.

    Attributes:
        model: logits of the model, rows by labels.
        head: logits of the embedding head.
        accepted: which labels are right; at least one in each row.
    """

    model: NDArray[np.floating]
    head: NDArray[np.floating]
    accepted: NDArray[np.bool_]


def fit_calibration(
    validation: TierLogits, nameable: NDArray[np.bool_], left_out: TierLogits | None = None
) -> Calibration:
    """Fits temperatures, weight and threshold.

    Each tier gets its own temperature first, so that the weight says which tier is to be trusted and not
    which one has the larger logits. Then comes the weight with which the right labels are likeliest. The last
    temperature makes the confidence of the answer the chance that it is right. The threshold follows from
    that confidence on these rows and on those of vendors that were left out.

    Args:
        validation: rows that no tier has learnt from.
        nameable: which labels the mapper takes from a model; the threshold is fitted on answers with these.
        left_out: rows of vendors that the head was not trained on. The model was, once over them, so it is
            right about more of them than of a stranger's, and the threshold comes out too low if anything.
    """
    model_temperature = fit_temperature(validation.model, validation.accepted, mean_log_loss)
    head_temperature = fit_temperature(validation.head, validation.accepted, mean_log_loss)
    model = log_softmax(validation.model / model_temperature)
    head = log_softmax(validation.head / head_temperature)
    best = (np.inf, 0.0)
    for weight in _WEIGHTS:
        mixed = (1 - weight) * model + weight * head
        temperature = fit_temperature(mixed, validation.accepted, mean_log_loss)
        best = min(
            best, (mean_log_loss(log_softmax(mixed / temperature), validation.accepted), float(weight))
        )
    weight = best[1]
    temperature = fit_temperature((1 - weight) * model + weight * head, validation.accepted, confidence_loss)
    unbounded = Calibration(weight, model_temperature, head_temperature, temperature, threshold=None)
    answered = [_answers(unbounded, rows, nameable) for rows in (validation, left_out) if rows is not None]
    threshold = fit_threshold(*(np.concatenate(one) for one in zip(*answered, strict=True)))
    return msgspec.structs.replace(unbounded, threshold=threshold)


def _answers(
    calibration: Calibration, rows: TierLogits, nameable: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Returns confidence and rightness of the answers that the mapper would take."""
    probabilities = np.exp(calibration.combined(rows.model, rows.head))
    answers = probabilities.argmax(axis=1)
    taken = nameable[answers]
    return probabilities.max(axis=1)[taken], rows.accepted[np.arange(len(answers)), answers][taken]


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
