"""Finds the word "classified": the worked example of docs/guides/adding-a-detector.md."""

import re
from importlib.metadata import version

from orchestration_svc.domain.detection import DetectorOutput


class ClassifiedDetector:
    """Answers with a list of ``{"label", "start", "end"}``, empty when nothing was found."""

    name = "classified_words"
    vendor = "classified_words"
    content_types = frozenset({"text/plain"})
    timeout_ms = 500

    def __init__(self) -> None:
        self.version = version("example-detector")
        self._pattern: re.Pattern[str] | None = None

    def load(self) -> None:
        self._pattern = re.compile(r"\bclassified\b", re.IGNORECASE)

    def detect(self, text: str) -> DetectorOutput:
        if self._pattern is None:
            raise RuntimeError("load() comes first")
        hits = [
            {"label": "classified", "start": hit.start(), "end": hit.end()}
            for hit in self._pattern.finditer(text)
        ]
        return DetectorOutput(hits, 1.0 if hits else None)
