"""From findings to the controls they bear on."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from analysis_svc.domain.catalogue import Catalogue, Control, ControlLink, JudgedOn, Relation
from analysis_svc.domain.models import ComplianceEntry, EvidenceState, Finding
from analysis_svc.domain.score_risk import finding_strength, says_something

VIOLATION_STRENGTH = 0.4
"""Severity * score * confidence from which one finding shows that a control's aim was not met.

It is the floor of level `medium`: below it a single finding would not rate above `low` by itself.
"""

_RELATIONS = tuple(Relation)


@dataclass(slots=True)
class _Gathered:
    control: Control
    hits: list[tuple[ControlLink, float, Finding]] = field(default_factory=list)


def map_controls(
    findings: Sequence[Finding], catalogue: Catalogue, frameworks: Collection[str]
) -> tuple[ComplianceEntry, ...]:
    """Gather, for each control of the named frameworks, the findings that bear on it.

    The evidence state speaks of this request alone. It is `violated` when a finding with a direct
    relation is at least VIOLATION_STRENGTH strong and the control is one that a single request can
    break (`judged_on: request`); a law whose breach depends on purpose or legal basis is never called
    violated because of a text, nor is a guard against attacks because an attack was tried. Everything else
    is `insufficient`.

    It is never `satisfied`: that a request shows no finding does not show that a control works, since
    detectors miss things, fail, and saw one text only.

    Entries come most pressing first: violated, then closest relation, then strongest finding.
    """
    gathered: dict[tuple[str, str], _Gathered] = {}
    for finding in findings:
        if not says_something(finding, catalogue.taxonomy):
            continue
        strength = finding_strength(finding, catalogue.taxonomy)
        for link in catalogue.links.get(finding.label, ()):
            control = link.control
            if control.framework not in frameworks:
                continue
            key = (control.framework, control.id)
            gathered.setdefault(key, _Gathered(control)).hits.append((link, strength, finding))
    entries = [_entry(group, catalogue) for group in gathered.values()]
    return tuple(sorted(entries, key=_most_pressing))


def _entry(group: _Gathered, catalogue: Catalogue) -> ComplianceEntry:
    hits = sorted(group.hits, key=lambda hit: (_RELATIONS.index(hit[0].relation), -hit[1], hit[2].id))
    lead = hits[0][0]
    strongest_by_label: dict[str, float] = defaultdict(float)
    for _, strength, finding in hits:
        strongest_by_label[finding.label] = max(strongest_by_label[finding.label], strength)
    violated = group.control.judged_on is JudgedOn.REQUEST and any(
        link.relation is Relation.DIRECT and strength >= VIOLATION_STRENGTH for link, strength, _ in hits
    )
    return ComplianceEntry(
        framework=group.control.framework,
        edition=catalogue.frameworks[group.control.framework].edition,
        control=group.control.id,
        title=group.control.title,
        relation=lead.relation,
        evidence_state=EvidenceState.VIOLATED if violated else EvidenceState.INSUFFICIENT,
        findings=tuple(hit[2].id for hit in hits),
        labels=tuple(sorted(strongest_by_label, key=lambda label: (-strongest_by_label[label], label))),
        rationale=lead.rationale,
        strength=round(max(strongest_by_label.values()), 4),
    )


def _most_pressing(entry: ComplianceEntry) -> tuple[bool, int, float, str, str]:
    return (
        entry.evidence_state is not EvidenceState.VIOLATED,
        _RELATIONS.index(entry.relation),
        -entry.strength,
        entry.framework,
        entry.control,
    )
