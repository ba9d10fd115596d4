"""What a report knows: plain facts of one period, gathered once, the same for every audience and format."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from analysis_svc.domain.models import EvidenceState


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole; of nothing there is no share."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """In [0, 1]; None when the whole is 0."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """How often a detector had to look, did, and how it ended where it did not.

    Attributes:
        detector: its name.
        required: analyses in which it had to look.
        succeeded: those of them in which it did, and did not fail too.
        failed: how often it ended otherwise, by status, whether it had to look or not.
    """

    detector: str
    required: int
    succeeded: int
    failed: Mapping[str, int]

    @property
    def looked(self) -> float | None:
        """The share of the analyses that needed it, in [0, 1]; None when none did."""
        return self.succeeded / self.required if self.required else None


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """How often a label was found; ``confidence`` is the mean over its findings, in [0, 1]."""

    label: str
    title: str
    analyses: int
    occurrences: int
    confidence: float


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """One day or week of the period.

    Attributes:
        start: its first instant.
        analyses: how many there were; with none of them, the three numbers are None, which is not 0.
        score: mean of the highest twentieth of the scores, 0 to 100.
        low: the same of the lower ends of their intervals.
        high: the same of the upper ends.
        levels: analyses by level.
    """

    start: datetime
    analyses: int
    score: float | None
    low: float | None
    high: float | None
    levels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """What the evidence of the period says of a control.

    Attributes:
        control: its id.
        title: its title.
        state: satisfied, violated or insufficient.
        rule: what evidence was asked for, in a sentence; None when the control has no rule.
        gaps: what is missing, one sentence each.
        analyses: analyses in the period.
        looked: those of them that everyone whom the rule asks for looked at.
        coverage: the share of these; None when there is no rule, or nothing was analysed.
        violations: analyses that violate it.
        last_violation_at: the last of them.
        evidence: ids of the newest analyses that violate it.
    """

    control: str
    title: str
    state: EvidenceState
    rule: str | None
    gaps: tuple[str, ...]
    analyses: int
    looked: int
    coverage: float | None
    violations: int
    last_violation_at: datetime | None
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """One incident that was opened in the period."""

    incident_id: str
    title: str
    level: str
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolution: str | None
    analyses: int


@dataclass(frozen=True, slots=True)
class IncidentTotals:
    """Incidents opened in the period; the two means are None when none was acknowledged or resolved.

    Attributes:
        opened: how many.
        still_open: those of them that nobody ended.
        resolved: those of them that somebody did.
        mean_time_to_acknowledge: from the first analysis on.
        mean_time_to_resolve: likewise.
        ungrouped: analyses of level high or critical of the period that are in no incident: all of this
            leaves them out.
        ungrouped_from: time of the first of these; None without any.
        ungrouped_to: time of the last of them.
    """

    opened: int
    still_open: int
    resolved: int
    mean_time_to_acknowledge: timedelta | None
    mean_time_to_resolve: timedelta | None
    ungrouped: int = 0
    ungrouped_from: datetime | None = None
    ungrouped_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class PatternFacts:
    """Something that the numbers of the period show, with its statistical support in words."""

    kind: str
    subject: str
    statement: str
    support: str


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What the stored analyses of the period come to, besides their risk.

    Attributes:
        findings: how many findings there are, counted with their occurrences.
        applications: analyses by application; the empty name is for those that named none.
        detectors: by name.
        labels: those found most often first, as many as are listed.
        labels_in_all: how many labels were found, those left out counted.
        newest_at: when the newest of the analyses was made; None without any.
        complete: analyses in which every detector that had to look did, of those that had any to look.
    """

    findings: int
    applications: Mapping[str, int]
    detectors: tuple[DetectorFacts, ...]
    labels: tuple[LabelFacts, ...]
    labels_in_all: int
    newest_at: datetime | None
    complete: Share


@dataclass(frozen=True, slots=True)
class Versions:
    """What the analyses of the period say that they were made with, each sorted."""

    taxonomies: tuple[str, ...]
    models: tuple[str, ...]
    policies: tuple[str, ...]
    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportContent:
    """Everything that any report of the period may say.

    Attributes:
        framework: id.
        framework_title: as people know it.
        edition: of the framework.
        start: first instant of the period.
        end: the instant after it.
        application: the one it is limited to.
        evidence_rules: by which rules controls are judged, in words.
        versions: what the analyses were made with.
        stored: what was analysed.
        bucket: "day" or "week".
        points: risk over the whole period, without gaps.
        whole: the same over all of it at once.
        controls: every control of the framework.
        incidents: those opened in the period, the newest first, as many as are listed.
        incident_totals: over all of them.
        patterns: what the numbers show.
        untested: what could not be looked for, with the reason, a sentence each.
        put_aside: findings of the period that count otherwise than they were kept, by review.
    """

    framework: str
    framework_title: str
    edition: str
    start: datetime
    end: datetime
    application: str | None
    evidence_rules: str
    versions: Versions
    stored: StoredFacts
    bucket: str
    points: tuple[RiskPoint, ...]
    whole: RiskPoint
    controls: tuple[ControlFacts, ...]
    incidents: tuple[IncidentFacts, ...]
    incident_totals: IncidentTotals
    patterns: tuple[PatternFacts, ...]
    untested: tuple[str, ...]
    put_aside: int = 0

    def controls_in(self, state: EvidenceState) -> tuple[ControlFacts, ...]:
        """Return the controls of that state, in the framework's order."""
        return tuple(one for one in self.controls if one.state is state)
