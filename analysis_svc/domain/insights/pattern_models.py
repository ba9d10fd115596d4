"""Patterns over time: what was looked at, what was found, and how well it is supported."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from analysis_svc.domain.insights.span import Bucket, Span


class PatternKind(StrEnum):
    """What a pattern over time can be."""

    TREND = "trend"
    SEASONALITY = "seasonality"
    CHANGE_POINT = "change_point"
    ANOMALY = "anomaly"
    BURST = "burst"
    CORRELATION = "correlation"
    CO_OCCURRENCE = "co_occurrence"


class SubjectKind(StrEnum):
    """What a series counts analyses with."""

    LABEL = "label"
    """A finding of the label."""
    RISK = "risk"
    """A risk that is high or critical."""
    DETECTOR_FAILURE = "detector_failure"
    """A detector that had to look, or tried to, and gave nothing."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What a series is about, such as the label PII.Contact.Email."""

    kind: SubjectKind
    name: str

    @property
    def phrase(self) -> str:
        """The subject in a sentence."""
        if self.kind is SubjectKind.RISK:
            return "risk that is high or critical"
        if self.kind is SubjectKind.DETECTOR_FAILURE:
            return f"failure of {self.name}"
        return self.name


SERIOUS_RISK = Subject(SubjectKind.RISK, "high_or_critical")


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Analyses of one short stretch of time that are alike in all that patterns look at.

    Attributes:
        bin: number of the stretch, from 0 at the beginning of the observation.
        labels: found in each of them, by name.
        looked: detectors that did look.
        failed: detectors that had to look, or tried to, and gave nothing.
        serious: whether the risk is high or critical.
        analyses: how many they are.
        evidence: ids of some of them, the riskiest.
    """

    bin: int
    labels: tuple[str, ...]
    looked: tuple[str, ...]
    failed: tuple[str, ...]
    serious: bool
    analyses: int
    evidence: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What was analysed in a span, in short stretches of time.

    Attributes:
        span: what is observed. It begins later than was asked for where more was analysed than is looked at.
        bucket: how time is divided for series.
        bins_per_bucket: how many stretches a bucket has.
        groups: in order of their stretch.
        cut: whether the span begins later than was asked for.
    """

    span: Span
    bucket: Bucket
    bins_per_bucket: int
    groups: tuple[EventGroup, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Support:
    """How well a pattern is supported.

    Attributes:
        test: name of the statistical test.
        statistic: its value.
        p_value: of this test alone.
        q_value: with all tests of this kind in the same answer accounted for (Benjamini and Hochberg).
        effect: how large it is.
        effect_kind: what the effect measures, such as ``odds_ratio``.
        n: how many buckets, or analyses, the test had.
        events: how many analyses with the subject.
    """

    test: str
    statistic: float
    p_value: float
    q_value: float
    effect: float
    effect_kind: str
    n: int
    events: int


@dataclass(frozen=True, slots=True)
class TimePattern:
    """Something in the stored events that chance does not explain well.

    Attributes:
        id: the same for the same data.
        kind: what it is.
        subjects: what it is about, one or two.
        statement: in a sentence.
        start: where it begins.
        end: where it ends.
        support: how sure it is.
        evidence: ids of analyses that show it, 20 at most.
        evidence_total: how many show it.
    """

    id: str
    kind: PatternKind
    subjects: tuple[Subject, ...]
    statement: str
    start: datetime
    end: datetime
    support: Support
    evidence: tuple[UUID, ...]
    evidence_total: int


@dataclass(frozen=True, slots=True)
class TooLittle:
    """What could not be tested, and why: ``needed`` and ``had`` are sentences."""

    kind: PatternKind
    subject: Subject | None
    needed: str
    had: str


@dataclass(frozen=True, slots=True)
class Found:
    """What looking for patterns came to. ``tested`` counts the tests of each kind."""

    span: Span
    bucket: Bucket
    cut: bool
    analyses: int
    tested: dict[PatternKind, int]
    patterns: tuple[TimePattern, ...]
    too_little: tuple[TooLittle, ...]
