"""What goes over the wire about the status of controls."""

from datetime import datetime
from uuid import UUID

import msgspec

from analysis_svc.domain.control_status import ControlStatus, FrameworkStatus, GapKind
from analysis_svc.domain.evidence_facts import EVIDENCE_SHOWN
from analysis_svc.domain.evidence_rules import EvidenceRule, RuleSource
from analysis_svc.domain.models import EvidenceState


class RuleOut(msgspec.Struct, frozen=True):
    """What must have happened for the control to be called satisfied.

    ``every_hours``: longest time without a clean look. ``coverage``: least share of the analyses that
    everyone who must look looked at. ``analyses``: least number of them.
    """

    senses: list[str]
    every_hours: float
    period_days: int
    coverage: float
    analyses: int
    why: str
    source: RuleSource


class GapOut(msgspec.Struct, frozen=True):
    """One thing that is lacking, and the detectors that could close it."""

    kind: GapKind
    message: str
    detectors: list[str]


class ControlStatusOut(msgspec.Struct, frozen=True):
    """What the evidence of the period says about one control.

    ``looked``: analyses that everyone who must look looked at with a clean result. ``evidence``: the newest
    analyses that broke it, at most 20. ``findings``: those that bear on it at all. ``put_aside``:
    those that would, had no review put them aside or given them another label.
    """

    control: str
    title: str
    state: EvidenceState
    rule: RuleOut | None
    gaps: list[GapOut]
    analyses: int
    looked: int
    coverage: float
    longest_gap_hours: float
    violations: int
    last_violation_at: datetime | None
    evidence: list[UUID]
    findings: int
    put_aside: int


class StatusCounts(msgspec.Struct, frozen=True):
    """How many controls are in each state."""

    satisfied: int
    violated: int
    insufficient: int


class MadeWithOut(msgspec.Struct, frozen=True):
    """One set of versions, and how many analyses of the period were made with it; null: they do not tell."""

    taxonomy: str
    analyses: int
    stated: dict[str, object] | None


class ReviewedOut(msgspec.Struct, frozen=True):
    """A finding that counts no more as it was kept; ``right_label`` null: not at all, it was a false alarm.

    ``given_by`` said so and ``reviewed_by`` accepted it; both are ids of keys.
    """

    evidence_id: UUID
    finding_id: str
    label: str
    right_label: str | None
    feedback_id: UUID
    given_at: datetime
    given_by: str
    reviewed_at: datetime
    reviewed_by: str


class AsideOut(msgspec.Struct, frozen=True):
    """What reviews changed in what is counted; the evidence is as it was kept.

    ``false_positives`` count nowhere and ``relabelled`` under their right label; ``findings`` names the
    newest, at most 20. An export names all.
    """

    false_positives: int
    relabelled: int
    findings: list[ReviewedOut]


class StatusOut(msgspec.Struct, frozen=True):
    """What the evidence of a period says about every control of a framework.

    ``end`` is no part of the period. ``rules_version``: of the tenant's own rules, 0 when it set none.
    """

    framework: str
    title: str
    edition: str
    taxonomy: str
    start: datetime
    end: datetime
    application: str | None
    rules_version: int
    analyses: int
    counts: StatusCounts
    versions: list[MadeWithOut]
    put_aside: AsideOut
    controls: list[ControlStatusOut]


def rule_out(rule: EvidenceRule) -> RuleOut:
    """Turn a rule into its wire form."""
    limits = rule.limits
    return RuleOut(
        senses=list(rule.senses),
        every_hours=limits.every_hours,
        period_days=limits.period_days,
        coverage=limits.coverage,
        analyses=limits.analyses,
        why=rule.why,
        source=rule.source,
    )


def status_out(status: FrameworkStatus) -> StatusOut:
    """Turn a status into its wire form."""
    return StatusOut(
        framework=status.framework,
        title=status.title,
        edition=status.edition,
        taxonomy=status.taxonomy,
        start=status.period.start,
        end=status.period.end,
        application=status.period.application,
        rules_version=status.rules_version,
        analyses=status.analyses,
        counts=StatusCounts(
            satisfied=status.count(EvidenceState.SATISFIED),
            violated=status.count(EvidenceState.VIOLATED),
            insufficient=status.count(EvidenceState.INSUFFICIENT),
        ),
        versions=[
            MadeWithOut(one.taxonomy, one.analyses, None if one.stated is None else dict(one.stated))
            for one in status.versions
        ],
        put_aside=AsideOut(
            false_positives=sum(1 for one in status.aside if one.right_label is None),
            relabelled=sum(1 for one in status.aside if one.right_label is not None),
            findings=[
                msgspec.convert(one, ReviewedOut, from_attributes=True)
                for one in status.aside[:EVIDENCE_SHOWN]
            ],
        ),
        controls=[_control(one) for one in status.controls],
    )


def _control(one: ControlStatus) -> ControlStatusOut:
    return ControlStatusOut(
        control=one.control.id,
        title=one.control.title,
        state=one.state,
        rule=rule_out(one.rule) if one.rule else None,
        gaps=[GapOut(gap.kind, gap.message, list(gap.detectors)) for gap in one.gaps],
        analyses=one.analyses,
        looked=one.looked,
        coverage=one.coverage,
        longest_gap_hours=one.longest_gap_h,
        violations=one.violations,
        last_violation_at=one.last_violation_at,
        evidence=list(one.evidence),
        findings=one.findings,
        put_aside=one.put_aside,
    )
