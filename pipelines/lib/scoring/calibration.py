"""How the two tiers are put together, and how sure the answer may say it is."""

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.scoring.log_softmax import log_softmax


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers fitted on the validation rows.

    Attributes:
        head_weight: weight of the embedding head in the average of the two tiers' log-probabilities.
        model_temperature: what the model's logits are divided by.
        head_temperature: what the head's logits are divided by.
        temperature: what the averaged log-probabilities are divided by.
        threshold: confidence of the combined answer, in [0, 1], from which on it is to be relied on; None
            when no confidence was found to deserve that.
    """

    head_weight: float
    model_temperature: float
    head_temperature: float
    temperature: float
    threshold: float | None

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


def load_calibration(path: Path) -> Calibration:
    """Reads a calibration.

    Raises:
        OSError: the file is missing.
        msgspec.DecodeError: it holds something else.
    """
    return msgspec.json.decode(path.read_bytes(), type=Calibration)
