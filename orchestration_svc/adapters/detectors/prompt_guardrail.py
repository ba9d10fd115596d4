"""Prompt injection and jailbreaks, by prompt-guardrail (imported as ``guardify``)."""

import warnings
from importlib.metadata import version
from typing import Any

from orchestration_svc.adapters.detectors.word_windows import word_windows
from orchestration_svc.domain.detection import DetectorOutput

# The library's own boundary between its two labels.
_BOUNDARY = 0.5
# One instruction is lost among the words of a long text, as the features are shares of the whole: measured,
# an injection that scores 0.99 alone scores 0.24 after 200 words. So windows are scored too, and the highest
# counts.


class PromptGuardrailDetector:
    """Answers with ``{"label": "injection", "score", "start", "end"}`` or ``{"label": "safe", "score"}``.

    The score is always the probability of an injection, in [0, 1]. Start and end delimit the part that scored
    highest. The library tells no kinds of attack apart.
    """

    name = "prompt_guardrail"
    vendor = "prompt_guardrail"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 2_000
    repeatable = True

    def __init__(self) -> None:
        self.version = version("prompt-guardrail")
        self._vectorizer: Any = None
        self._classifier: Any = None

    def load(self) -> None:
        """Load the weights from the wheel and score one text."""
        # Heavy: only the worker imports it.
        from guardify.guardrails import logistic_regression  # type: ignore[import-untyped]  # noqa: PLC0415

        with warnings.catch_warnings():
            # Its weights were saved by an older scikit-learn; a test pins scores they must still give.
            warnings.simplefilter("ignore")
            model = logistic_regression.LogisticRegressionGuardrail()
        self._vectorizer, self._classifier = model._vectorizer, model._clf  # noqa: SLF001 - scores many at once
        self.detect("warm")

    def detect(self, text: str) -> DetectorOutput:
        """Score the whole text and its windows; offsets are code points."""
        if self._classifier is None:
            raise RuntimeError("load() comes first")
        spans = [(0, len(text)), *word_windows(text)]
        features = self._vectorizer.transform([text[start:end] for start, end in spans])
        risks = self._classifier.predict_proba(features)[:, 1]
        best = int(risks.argmax())
        risk = round(float(risks[best]), 4)
        if risk < _BOUNDARY:
            return DetectorOutput({"label": "safe", "score": risk}, 1 - risk)
        start, end = spans[best]
        return DetectorOutput({"label": "injection", "score": risk, "start": start, "end": end}, risk)
