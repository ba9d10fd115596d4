"""Offensive language, by alt-profanity-check (imported as ``profanity_check``)."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from orchestration_svc.domain.detection import DetectorOutput

# The library's own boundary between its two labels.
_BOUNDARY = 0.5


class ProfanityDetector:
    """Answers with one object: ``{"label": "profane" or "safe", "score"}``.

    The score is always the probability that the text is profane, in [0, 1].
    """

    name = "alt_profanity_check"
    vendor = "alt_profanity_check"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 2_000

    def __init__(self) -> None:
        self.version = version("alt-profanity-check")
        self._risk_of: Callable[[Sequence[str]], Any] | None = None

    def load(self) -> None:
        """Load the weights from the wheel and score one text."""
        # Heavy: only the worker imports it.
        from profanity_check import predict_prob  # type: ignore[import-untyped]  # noqa: PLC0415

        self._risk_of = predict_prob
        self.detect("warm")

    def detect(self, text: str) -> DetectorOutput:
        """Score the whole text."""
        if self._risk_of is None:
            raise RuntimeError("load() comes first")
        risk = round(float(self._risk_of([text])[0]), 4)
        label = "profane" if risk >= _BOUNDARY else "safe"
        return DetectorOutput({"label": label, "score": risk}, max(risk, 1 - risk))
