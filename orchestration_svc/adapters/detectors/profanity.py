"""Offensive language, by alt-profanity-check (imported as ``profanity_check``)."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from orchestration_svc.adapters.detectors.word_windows import word_windows
from orchestration_svc.domain.detection import DetectorOutput

# The library's own boundary between its two labels.
_BOUNDARY = 0.5
# An insult is lost among the words of a long text: one that scores 1.0 alone scores 0.06 after 30 sentences.
# So windows are scored too, and the highest counts.


class ProfanityDetector:
    """Answers with ``{"label": "profane", "score", "start", "end"}`` or ``{"label": "safe", "score"}``.

    The score is always the probability of profanity, in [0, 1]. Start and end delimit the part that scored
    highest.
    """

    name = "alt_profanity_check"
    vendor = "alt_profanity_check"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 2_000
    repeatable = True

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
        """Score the whole text and its windows; offsets are code points."""
        if self._risk_of is None:
            raise RuntimeError("load() comes first")
        spans = [(0, len(text)), *word_windows(text)]
        risks = self._risk_of([text[start:end] for start, end in spans])
        best = int(risks.argmax())
        risk = round(float(risks[best]), 4)
        if risk < _BOUNDARY:
            return DetectorOutput({"label": "safe", "score": risk}, 1 - risk)
        start, end = spans[best]
        return DetectorOutput({"label": "profane", "score": risk, "start": start, "end": end}, risk)
