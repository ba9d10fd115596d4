"""What the evidence of a period says about a control, and what it lacks to say more.

Three answers, none by default. `violated`: a finding in the period broke it. `satisfied`: the control has a
declared rule, everything in the rule was met, and nothing broke it. `insufficient`: all else, with each gap
named. No finding is therefore never enough for `satisfied`, and an analysis in which a detector failed or
left something open does not count as one that it looked at.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from analysis_svc.domain.catalogue import Control, JudgedOn, Relation
from analysis_svc.domain.evidence_facts import EVIDENCE_SHOWN, Facts, LabelFacts, Looks, Period, Versions
from analysis_svc.domain.evidence_rules import Bearing, EvidenceRule, RuleBook
from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reviewed_findings import ReviewedFinding


class GapKind(StrEnum):
    """What is lacking."""

    NO_RULE = "no_rule"
    NO_DETECTOR = "no_detector"
    NO_EVIDENCE = "no_evidence"
    PERIOD_TOO_SHORT = "period_too_short"
    TOO_FEW_ANALYSES = "too_few_analyses"
    COVERAGE_TOO_LOW = "coverage_too_low"
    TOO_LONG_WITHOUT = "too_long_without"


@dataclass(frozen=True, slots=True)
class Gap:
    """One thing that is lacking, in a sentence, with the detectors that could close it."""

    kind: GapKind
    message: str
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """What the evidence says about one control.

    Attributes:
        control: which one.
        state: in one word.
        rule: what was asked for; None when nothing is declared.
        gaps: what is lacking; empty when `state` is satisfied.
        analyses: of the period.
        looked: those that everyone who must look looked at cleanly.
        coverage: `looked` / `analyses`; 0 without any.
        longest_gap_h: longest time without such a look, in hours; the whole period without any.
        violations: analyses that broke the control.
        last_violation_at: when the last of them was.
        evidence: ids of those, the newest first, at most EVIDENCE_SHOWN.
        findings: findings whose label bears on the control at all.
        put_aside: findings that would bear on it, had no review put them aside or called them otherwise.
    """

    control: Control
    state: EvidenceState
    rule: EvidenceRule | None
    gaps: tuple[Gap, ...]
    analyses: int
    looked: int
    coverage: float
    longest_gap_h: float
    violations: int
    last_violation_at: datetime | None
    evidence: tuple[UUID, ...]
    findings: int
    put_aside: int


@dataclass(frozen=True, slots=True)
class FrameworkStatus:
    """What the evidence says about each control of a framework.

    Attributes:
        framework: its id.
        title: its title.
        edition: its edition.
        taxonomy: edition of the labels that the controls are tied to.
        period: what was looked at.
        rules_version: of the tenant's own rules; 0 when it set none.
        analyses: kept in the period.
        versions: what they were made with, the most frequent first.
        controls: in the framework's order.
        aside: findings that count no more as they were kept, by which review, the newest first.
    """

    framework: str
    title: str
    edition: str
    taxonomy: str
    period: Period
    rules_version: int
    analyses: int
    versions: tuple[Versions, ...]
    controls: tuple[ControlStatus, ...]
    aside: tuple[ReviewedFinding, ...]

    def count(self, state: EvidenceState) -> int:
        """How many controls are in this state."""
        return sum(1 for one in self.controls if one.state is state)


class PeriodFacts:
    """The facts of a period, added up once for all controls that ask for the same senses.

    Args:
        facts: what was counted.
        period: of which.
    """

    def __init__(self, facts: Facts, period: Period) -> None:
        self.facts = facts
        self.period = period
        self.analyses = sum(one.analyses for one in facts.looks)
        self.put_aside = Counter(one.label for one in facts.aside)
        self._looks = sorted(facts.looks, key=lambda look: look.first)
        self._known: dict[tuple[str, ...] | None, tuple[int, tuple[datetime, datetime, timedelta]]] = {}

    def looked(self, senses: tuple[str, ...] | None) -> tuple[int, tuple[datetime, datetime, timedelta]]:
        """Count the analyses that all these senses looked at, and find the longest time without any.

        Args:
            senses: None where nobody is said to have to look, and so nobody counts.
        """
        if senses not in self._known:
            clean = [] if senses is None else [one for one in self._looks if one.senses.issuperset(senses)]
            self._known[senses] = sum(one.analyses for one in clean), _longest_gap(clean, self.period)
        return self._known[senses]


def assess(control: Control, bearing: Bearing, known: PeriodFacts, book: RuleBook) -> ControlStatus:
    """Say what the facts of a period mean for one control."""
    facts, analyses = known.facts, known.analyses
    rule = book.rule_of(control, bearing)
    looked, (_, _, longest) = known.looked(rule.senses if rule else None)
    seen = [(facts.labels[label], relation) for label, relation in bearing if label in facts.labels]
    breaking = [
        one
        for one, relation in seen
        if control.judged_on is JudgedOn.REQUEST and relation is Relation.DIRECT and one.strong
    ]
    violations, last_at, evidence = _violations(control, breaking, facts)
    gaps = _gaps(control, rule, known, book)
    if violations:
        state = EvidenceState.VIOLATED
    elif rule and not gaps:
        state = EvidenceState.SATISFIED
    else:
        state = EvidenceState.INSUFFICIENT
    return ControlStatus(
        control=control,
        state=state,
        rule=rule,
        gaps=gaps,
        analyses=analyses,
        looked=looked,
        coverage=round(looked / analyses, 4) if analyses else 0.0,
        longest_gap_h=round(longest / timedelta(hours=1), 2),
        violations=violations,
        last_violation_at=last_at,
        evidence=evidence,
        findings=sum(one.findings for one, _ in seen),
        put_aside=sum(known.put_aside[label] for label, _ in bearing),
    )


def _longest_gap(in_order: Iterable[Looks], period: Period) -> tuple[datetime, datetime, timedelta]:
    """Find the longest time without a look; what is within one clock hour is not told apart."""
    at, longest = period.start, (period.start, period.start)
    for one in in_order:
        if one.first - at > longest[1] - longest[0]:
            longest = (at, one.first)
        at = max(at, one.last)
    if period.end - at > longest[1] - longest[0]:
        longest = (at, period.end)
    return longest[0], longest[1], longest[1] - longest[0]


def _violations(
    control: Control, breaking: Sequence[LabelFacts], facts: Facts
) -> tuple[int, datetime | None, tuple[UUID, ...]]:
    """Take what was answered as violated then, and what the present catalogue says of the kept findings.

    An analysis that both know of, or that broke the control by two labels, is not told apart where there are
    more than are shown; the larger number is given then, so that it is never too high.
    """
    stored = facts.violations.get(f"{control.framework} {control.id}")
    known = [(one.strong_analyses, one.last_strong_at, one.strong_in) for one in breaking]
    if stored:
        known.insert(0, (stored.analyses, stored.last_at, stored.evidence))
    shown = tuple(dict.fromkeys(evidence for _, _, ids in known for evidence in ids))
    number = max([*(number for number, _, _ in known), len(shown)])
    last_at = max((at for _, at, _ in known if at is not None), default=None)
    return number, last_at, shown[:EVIDENCE_SHOWN]


def _gaps(control: Control, rule: EvidenceRule | None, known: PeriodFacts, book: RuleBook) -> tuple[Gap, ...]:
    if rule is None:
        return (Gap(GapKind.NO_RULE, _no_rule(control)),)
    analyses, period, limits = known.analyses, known.period, rule.limits
    looked, (since, until, without) = known.looked(rule.senses)
    gaps = [
        Gap(GapKind.NO_DETECTOR, f"no detector is named that looks for {book.senses[name].title}")
        for name in rule.senses
        if not book.senses[name].detectors
    ]
    if period.end - period.start < timedelta(days=limits.period_days):
        length = (period.end - period.start) / timedelta(days=1)
        gaps.append(
            Gap(
                GapKind.PERIOD_TOO_SHORT,
                f"the period is {length:.1f} days long, a statement takes {limits.period_days}",
            )
        )
    if not analyses:
        return (*gaps, Gap(GapKind.NO_EVIDENCE, "nothing was analysed in this period"))
    gaps += _coverage_gaps(rule, known, book, looked)
    detectors = tuple(dict.fromkeys(one for name in rule.senses for one in book.senses[name].detectors))
    if looked < limits.analyses:
        message = f"{looked} analyses were looked at by all who must look, {limits.analyses} are needed"
        gaps.append(Gap(GapKind.TOO_FEW_ANALYSES, message, detectors))
    if looked and without > timedelta(hours=limits.every_hours):
        gaps.append(
            Gap(
                GapKind.TOO_LONG_WITHOUT,
                f"nobody who must look did for {without / timedelta(hours=1):.1f} hours, from "
                f"{since:%Y-%m-%dT%H:%MZ} to {until:%Y-%m-%dT%H:%MZ}; "
                f"at most {limits.every_hours:g} are allowed",
                detectors,
            )
        )
    return tuple(gaps)


def _coverage_gaps(rule: EvidenceRule, known: PeriodFacts, book: RuleBook, looked: int) -> list[Gap]:
    least, analyses = rule.limits.coverage, known.analyses
    gaps = []
    for name in rule.senses:
        sense = book.senses[name]
        seen, _ = known.looked((name,))
        if sense.detectors and seen < least * analyses:
            gaps.append(
                Gap(
                    GapKind.COVERAGE_TOO_LOW,
                    f"{sense.title}: {_share(seen, analyses)} were looked at with a clean result, "
                    f"{least:.0%} are needed",
                    sense.detectors,
                )
            )
    if not gaps and looked < least * analyses and all(book.senses[name].detectors for name in rule.senses):
        message = f"{_share(looked, analyses)} were looked at by all who must look, {least:.0%} are needed"
        gaps.append(Gap(GapKind.COVERAGE_TOO_LOW, message))
    return gaps


def _share(part: int, whole: int) -> str:
    # Cut, not rounded: 94.96 % must not read as the 95 % that it lacks.
    return f"{part} of {whole} analyses ({int(part / whole * 1000) / 10:.1f} %)"


def _no_rule(control: Control) -> str:
    if control.judged_on is JudgedOn.PROGRAMME:
        return "no rule is declared: a purpose, a legal basis or a process decides this control, not texts"
    return "no rule is declared: no kind of finding bears directly on this control"
