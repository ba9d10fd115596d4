"""Names findings that two detectors see very differently, which is worth a person's look."""

from collections import defaultdict

from analysis_svc.domain.catalogue import Priority
from analysis_svc.domain.plugins import (
    Capabilities,
    EnginePattern,
    EngineRequest,
    EngineResult,
    SeenFinding,
)

_FAR = 0.5
"""From this difference of scores on two detectors disagree: one calls likely what the other does not."""

_SURE = 0.5
"""Confidence under which a label may be wrong itself, and its score says nothing of another's."""


class DetectorDisagreement:
    """An engine: two detectors found the same label, with scores half the scale or more apart."""

    def capabilities(self) -> Capabilities:
        """Say what it is."""
        return Capabilities("1", "Two detectors that score the same label very differently")

    def analyze(self, request: EngineRequest) -> EngineResult:
        """Return a pattern for each label that is in dispute."""
        by_label: dict[str, dict[str, SeenFinding]] = defaultdict(dict)
        for finding in request.findings:
            if finding.detector is None or finding.confidence < _SURE or finding.label.startswith("OTHER."):
                continue
            best = by_label[finding.label].get(finding.detector)
            if best is None or (finding.score, finding.id) > (best.score, best.id):
                by_label[finding.label][finding.detector] = finding
        found = []
        for label, by_detector in sorted(by_label.items()):
            high = max(by_detector.values(), key=lambda one: (one.score, one.id))
            low = min(by_detector.values(), key=lambda one: (one.score, one.id))
            if high.score - low.score >= _FAR:
                found.append((high.score - low.score, label, high, low))
        found.sort(key=lambda one: (-one[0], one[1]))
        return EngineResult(
            tuple(
                EnginePattern(
                    id=label.lower().replace(".", "-"),
                    title="Detectors disagree",
                    statement=f"Two detectors found {label}, one with a score of {high.score:.2f} and one "
                    f"with {low.score:.2f}: one is badly tuned for it, or the text is a borderline case.",
                    priority=Priority.MEDIUM,
                    findings=(high.id, low.id),
                )
                for _, label, high, low in found[:5]
            )
        )
