"""Does what validators say of findings: notes, a review, a label taken back. Nothing makes one safer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mapper_svc.domain.findings import NOTES_MAX, Finding, MapResult, Tier, UnmappedLabel
from mapper_svc.domain.plugins import Action
from mapper_svc.domain.taxonomy import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN

_NO_LONGER_SAFE = 0.5
"""Risk of a finding that was called safe and is doubted."""


@dataclass(frozen=True, slots=True)
class SpelledRemark:
    """What a validator said of one finding; `note` is its sentence."""

    action: Action
    note: str


def apply_remarks(
    result: MapResult, remarks: Mapping[int, Sequence[SpelledRemark]], notes: Sequence[str] = ()
) -> MapResult:
    """Returns the result with every remark applied.

    Args:
        result: of one hand-over.
        remarks: by index of the finding.
        notes: said on every finding, as that a validator failed.
    """
    if not remarks and not notes:
        return result
    findings: list[Finding] = []
    unmapped = list(result.unmapped)
    for index, finding in enumerate(result.findings):
        said = remarks.get(index, ())
        changed = finding
        for remark in said:
            changed = _changed(changed, remark.action)
        if any(remark.action is not Action.ANNOTATE for remark in said) and finding.raw.label:
            unmapped.append(_for_review(finding))
        findings.append(_noted(changed, [*(remark.note for remark in said), *notes]))
    return replace(
        result,
        findings=tuple(findings),
        unmapped=tuple({(one.detector, *one.key): one for one in reversed(unmapped)}.values())[::-1],
        fallback_used=result.fallback_used or any(one.tier is Tier.FALLBACK for one in findings),
    )


def _changed(finding: Finding, action: Action) -> Finding:
    (label,) = finding.taxonomy
    if action is Action.VETO and label not in {UNKNOWN, MODEL_ERROR, NEEDS_REVIEW}:
        provenance = replace(finding.provenance, model=None, adapter=None)
        return replace(
            _relabelled(finding, UNKNOWN), confidence=0.0, tier=Tier.FALLBACK, provenance=provenance
        )
    if action is Action.REVIEW and label == SAFE:
        return _relabelled(finding, NEEDS_REVIEW)
    return finding


def _relabelled(finding: Finding, label: str) -> Finding:
    (before,) = finding.taxonomy
    risk = _NO_LONGER_SAFE if before == SAFE else finding.scores[before]
    return replace(finding, taxonomy=(label,), scores={label: risk})


def _for_review(finding: Finding) -> UnmappedLabel:
    guesses = tuple(label for label in finding.taxonomy if label not in {UNKNOWN, SAFE})
    return UnmappedLabel(
        vendor=finding.provenance.vendor,
        detector=finding.raw.detector,
        raw=finding.raw.label,
        guesses=guesses,
    )


def _noted(finding: Finding, notes: Sequence[str]) -> Finding:
    fresh = [note for note in dict.fromkeys(notes) if note and note not in finding.notes]
    if not fresh:
        return finding
    # What is said of the finding's own making may be cut; a validator's word may not.
    said = " ".join(fresh)[:NOTES_MAX]
    room = NOTES_MAX - len(said) - 1
    return replace(finding, notes=f"{finding.notes[: max(0, room)]} {said}".strip())
