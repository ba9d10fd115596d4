"""The patterns that every server of the comparison looks for, and this product's detector of them."""

import re

from orchestration_svc.domain.detection import DetectorOutput

PATTERNS = {
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    "us_ssn": r"\b\d{3}-\d{2}-\d{4}\b",
    "card": r"\b(?:\d{4}[ -]?){3}\d{4}\b",
    "ipv4": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    "aws_key": r"\bAKIA[0-9A-Z]{16}\b",
}
NAME = "compared_regexes"
# A few hundred characters each, as questions to a model are; the last has something to be found.
_PLAIN = (
    "Please draft a short and friendly note to the residents of our street. The tram stops at the old market"
    " again from Monday, the bridge stays closed until the end of the month, and the library opens an hour"
    " later than usual on Thursdays. Mention that bicycles may be left at the fountain."
)
TEXTS = (_PLAIN, _PLAIN + " " + _PLAIN, _PLAIN + " Answers go to jane.doe@example.com, please.")
IS_FOUND = (False, False, True)


class RegexDetector:
    """Looks for the patterns, in a worker process as every detector of this kind."""

    name = NAME
    vendor = "compared_regexes"
    version = "1"
    content_types = frozenset({"text/plain"})
    timeout_ms = 1_000

    def __init__(self) -> None:
        self._compiled: dict[str, re.Pattern[str]] = {}

    def load(self) -> None:
        """Compile them."""
        self._compiled = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}

    def detect(self, text: str) -> DetectorOutput:
        """Return what was found, with its place."""
        found = [
            {"label": name, "start": match.start(), "end": match.end()}
            for name, pattern in self._compiled.items()
            for match in pattern.finditer(text)
        ]
        return DetectorOutput(found)
