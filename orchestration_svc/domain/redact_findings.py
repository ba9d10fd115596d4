"""Carries out the action `redact` of a policy; a finding that nobody can place blocks the text instead."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from orchestration_svc.domain.detection import DetectorResult, DetectorStatus
from orchestration_svc.domain.downstream import MappedFinding, MapperAnswer
from orchestration_svc.domain.finding_places import NOT_UNDERSTOOD, SAFE, places_of
from orchestration_svc.domain.policy import is_within
from orchestration_svc.domain.policy_decision import Action, Decision
from orchestration_svc.domain.redact import Redacted, Span, Style, redact

UNMAPPED = "the findings are not mapped, so they cannot be taken out of the text"


def redact_findings(
    text: str,
    decision: Decision,
    results: Sequence[DetectorResult],
    mapping: MapperAnswer | None,
    style: Style,
) -> tuple[Decision, Redacted | None]:
    """Take out of a text what its policy wants taken out.

    Findings that do not count in the end (outvoted, or below the policy's threshold) stay in it.

    Args:
        text: what was looked at.
        decision: the policy's.
        results: what the detectors said, and where.
        mapping: what it means; None when nobody knows.
        style: what stands there instead.

    Returns:
        The decision and the text without the findings. Where the action is not ``redact`` the decision as it
        was and None; where a finding has no place, or nothing is mapped, ``block`` with the reason and None.
    """
    if decision.action is not Action.REDACT:
        return decision, None
    if mapping is None:
        return _blocked(decision, UNMAPPED), None
    said = {one.detector: one for one in results if one.status is DetectorStatus.SUCCESS}
    spans: list[Span] = []
    for finding in _to_be_taken_out(decision, mapping.findings):
        places = places_of(finding, said.get(finding.detector), len(text))
        if not places:
            reason = f"{finding.label} was found and its place is not known, so it cannot be taken out"
            return _blocked(decision, reason), None
        spans += places
    return decision, redact(text, spans, style)


def _to_be_taken_out(decision: Decision, findings: Iterable[MappedFinding]) -> Iterable[MappedFinding]:
    counted = {one.label for one in decision.resolution.findings}
    for finding in findings:
        if finding.label == SAFE or finding.label in NOT_UNDERSTOOD or finding.label not in counted:
            continue
        if not decision.redact or any(is_within(finding.label, prefix) for prefix in decision.redact):
            yield finding


def _blocked(decision: Decision, reason: str) -> Decision:
    return replace(decision, action=Action.BLOCK, reasons=(*decision.reasons, reason))
