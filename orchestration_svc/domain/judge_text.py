"""What was found in one text, and where: for callers who want a verdict and not the whole answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestration_svc.domain.detection import DetectorResult, DetectorStatus
from orchestration_svc.domain.downstream import MappedFinding
from orchestration_svc.domain.finding_places import NOT_UNDERSTOOD, SAFE, places_of
from orchestration_svc.domain.orchestration import OrchestrationResult
from orchestration_svc.domain.policy_decision import Action
from orchestration_svc.domain.redact import Span

BLOCKED = "blocked_by_policy"
"""What stands for a text that its policy stops, whatever was found in it."""


class Undetermined(StrEnum):
    """Why "nothing found" does not mean that nothing is there."""

    COVERAGE = "detectors_missing"
    MAPPING = "not_mapped"
    NOT_UNDERSTOOD = "not_understood"
    NOT_LOOKED_AT = "not_looked_at"


@dataclass(frozen=True, slots=True)
class Detection:
    """One finding at one place.

    Attributes:
        start: first code point.
        end: the code point behind the last.
        placed: whether the detector said where; otherwise the place is the whole text.
        label: what the detector called it.
        category: canonical label of the mapper.
        detector: who found it.
        score: risk in [0, 1].
    """

    start: int
    end: int
    placed: bool
    label: str
    category: str
    detector: str
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one text.

    Attributes:
        found: findings of enough risk, by place.
        highest: highest risk of each canonical label, those under the threshold too.
        undetermined: why more may be there, each reason once.
        blocked: whether the policy says that the text must not pass.
    """

    found: tuple[Detection, ...]
    highest: dict[str, float]
    undetermined: tuple[Undetermined, ...]
    blocked: bool = False


NOTHING = Verdict((), {}, ())
"""What is known of a text without a character in it."""


def judge(result: OrchestrationResult, text: str, *, threshold: float) -> Verdict:
    """Read the verdict on one text out of the answer to it.

    Args:
        result: the answer; its request had mapping switched on.
        text: what was looked at.
        threshold: least risk in [0, 1] of a finding that counts.
    """
    blocked = result.decision.action is Action.BLOCK
    doubts = [] if result.coverage.is_enough else [Undetermined.COVERAGE]
    if result.mapping is None:
        return Verdict((), {}, (*doubts, Undetermined.MAPPING), blocked)
    outputs = {one.detector: one for one in result.results if one.status is DetectorStatus.SUCCESS}
    found: list[Detection] = []
    highest: dict[str, float] = {}
    for finding in result.mapping.findings:
        if finding.label == SAFE:
            continue
        if finding.label in NOT_UNDERSTOOD:
            doubts.append(Undetermined.NOT_UNDERSTOOD)
            continue
        highest[finding.label] = max(finding.score, highest.get(finding.label, 0.0))
        if finding.score >= threshold:
            found += _detections(finding, outputs.get(finding.detector), text)
    ordered = sorted(found, key=lambda one: (one.start, one.end, one.category, one.detector))
    return Verdict(tuple(ordered), highest, tuple(dict.fromkeys(doubts)), blocked)


def _detections(finding: MappedFinding, said: DetectorResult | None, text: str) -> Iterator[Detection]:
    spans = places_of(finding, said, len(text))
    for span in spans or (Span(0, len(text), finding.raw_label),):
        yield Detection(
            start=span.start,
            end=span.end,
            placed=bool(spans),
            label=finding.raw_label or finding.label,
            category=finding.label,
            detector=finding.detector,
            score=finding.score,
        )
