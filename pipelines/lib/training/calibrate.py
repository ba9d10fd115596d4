"""How the two tiers are put together, and how sure the answer may say it is."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pipelines.lib.training.atomic_file import write_atomically
from pipelines.lib.training.measure import log_softmax, mean_log_loss

_WEIGHTS = np.linspace(0.0, 1.0, 41)
_TEMPERATURES = (0.05, 20.0)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers fitted on the validation rows.

    Attributes:
        head_weight: weight of the embedding head in the average of the two tiers' log-probabilities.
        model_temperature: what the model's logits are divided by.
        head_temperature: what the head's logits are divided by.
        temperature: what the averaged log-probabilities are divided by.
    """

    head_weight: float
    model_temperature: float
    head_temperature: float
    temperature: float

    def model(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns the log-probabilities of the model tier alone."""
        return log_softmax(logits / self.model_temperature)

    def head(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns the log-probabilities of the embedding head alone."""
        return log_softmax(logits / self.head_temperature)

    def combined(
        self, model_logits: NDArray[np.floating], head_logits: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Returns the log-probabilities of both tiers together."""
        mixed = (1 - self.head_weight) * self.model(model_logits) + self.head_weight * self.head(head_logits)
        return log_softmax(mixed / self.temperature)


def fit_calibration(
    model_logits: NDArray[np.floating], head_logits: NDArray[np.floating], targets: NDArray[np.int64]
) -> Calibration:
    """Fits temperatures and weight so that the validation rows are likeliest.

    Each tier gets its own temperature first, so that the weight says which tier is to be trusted and not
    which one has the larger logits. Weight and last temperature are then fitted together.

    Args:
        model_logits: of the model, validation rows by labels.
        head_logits: of the embedding head, the same rows.
        targets: place of the right label of each row.
    """
    model_temperature = fit_temperature(model_logits, targets)
    head_temperature = fit_temperature(head_logits, targets)
    model, head = log_softmax(model_logits / model_temperature), log_softmax(head_logits / head_temperature)
    best = (np.inf, 0.0, 1.0)
    for weight in _WEIGHTS:
        mixed = (1 - weight) * model + weight * head
        temperature = fit_temperature(mixed, targets)
        best = min(
            best, (mean_log_loss(log_softmax(mixed / temperature), targets), float(weight), temperature)
        )
    _, weight, temperature = best
    return Calibration(weight, model_temperature, head_temperature, temperature)


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """Returns the temperature that makes the right labels likeliest (Guo et al. 2017)."""
    low, high = np.log(_TEMPERATURES[0]), np.log(_TEMPERATURES[1])
    found = minimize_scalar(
        lambda log_t: mean_log_loss(log_softmax(logits / np.exp(log_t)), targets),
        bounds=(low, high),
        method="bounded",
    )
    return float(np.exp(found.x))


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes a calibration as JSON, whole or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(calibration), indent=1) + b"\n")


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration.

    Raises:
        OSError: the file is missing.
        msgspec.DecodeError: it holds something else.
    """
    return msgspec.json.decode(path.read_bytes(), type=Calibration)
