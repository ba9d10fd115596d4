"""Patterns over time, over the wire."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from analysis_svc.domain.insights.pattern_models import Found, PatternKind, SubjectKind


class SubjectOut(msgspec.Struct, frozen=True):
    """What a pattern is about: a label, a detector's failures, or serious risk."""

    kind: SubjectKind
    name: str


class SupportOut(msgspec.Struct, frozen=True):
    """How well a pattern is supported; ``q_value`` accounts for all tests of its kind in this answer.

    ``n`` counts buckets or analyses that the test had, ``events`` analyses with the subject.
    """

    test: str
    statistic: float
    p_value: float
    q_value: float
    effect: float
    effect_kind: str
    n: int
    events: int


class TimePatternOut(msgspec.Struct, frozen=True):
    """Something that chance does not explain well; ``evidence_ids`` are 20 at most of ``evidence_total``."""

    id: str
    kind: PatternKind
    subjects: list[SubjectOut]
    statement: str
    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    support: SupportOut
    evidence_ids: list[UUID]
    evidence_total: int


class TooLittleOut(msgspec.Struct, frozen=True):
    """What could not be tested for want of data; it says nothing either way."""

    kind: PatternKind
    subject: SubjectOut | None
    needed: str
    had: str


class PatternsOut(msgspec.Struct, frozen=True):
    """Patterns, the surest of each kind first, 100 at most.

    ``cut``: more was analysed than is looked at, so ``from`` is later than was asked for. ``tested`` counts
    the tests of each kind.
    """

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    bucket: Literal["hour", "day"]
    application: str | None
    cut: bool
    analyses: int
    tested: dict[str, int]
    patterns: list[TimePatternOut]
    too_little_data: list[TooLittleOut]


def patterns_out(found: Found) -> PatternsOut:
    """Turn what was found into its answer."""
    return PatternsOut(
        start=found.span.start,
        end=found.span.end,
        bucket="hour" if found.bucket.value == "hour" else "day",
        application=found.span.application,
        cut=found.cut,
        analyses=found.analyses,
        tested={kind.value: count for kind, count in found.tested.items()},
        patterns=[
            TimePatternOut(
                id=one.id,
                kind=one.kind,
                subjects=[SubjectOut(subject.kind, subject.name) for subject in one.subjects],
                statement=one.statement,
                start=one.start,
                end=one.end,
                support=msgspec.convert(one.support, SupportOut, from_attributes=True),
                evidence_ids=list(one.evidence),
                evidence_total=one.evidence_total,
            )
            for one in found.patterns
        ],
        too_little_data=[
            TooLittleOut(
                one.kind,
                SubjectOut(one.subject.kind, one.subject.name) if one.subject else None,
                one.needed,
                one.had,
            )
            for one in found.too_little
        ],
    )
