"""How long texts will take, judged by those answered of late: what decides between now and later."""

import math
import time
from collections.abc import Callable

# Above this a caller that left the choice to us is told to come back for the answer.
LATER_ABOVE_MS = 1_500.0
_WEIGHT = 0.2
# So long the past says anything; afterwards one text is answered at once and measured.
_REMEMBERED_S = 30.0


class Projection:
    """A moving average over what this process answered lately."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._mean_ms = 0.0
        self._noted_at = float("-inf")

    def note(self, milliseconds: float) -> None:
        """Take in how long one text took."""
        fresh = self._monotonic() - self._noted_at <= _REMEMBERED_S
        self._mean_ms += (milliseconds - self._mean_ms) * (_WEIGHT if fresh else 1.0)
        self._noted_at = self._monotonic()

    def milliseconds(self, texts: int, *, at_once: int) -> float:
        """Return how long so many texts will take; 0 when nothing is known."""
        if self._monotonic() - self._noted_at > _REMEMBERED_S:
            return 0.0
        return self._mean_ms * math.ceil(texts / at_once)
