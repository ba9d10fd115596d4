"""Series: for each bucket of time how many analyses there were, and how many of them had something."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from analysis_svc.domain.insights.pattern_models import (
    SERIOUS_RISK,
    EventGroup,
    Observation,
    PatternKind,
    Subject,
    SubjectKind,
    TooLittle,
)

MOST_LABELS = 30
MOST_DETECTORS = 10
MOST_EVIDENCE = 20
Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Series:
    """One subject over time.

    Attributes:
        subject: what is counted.
        events: of each bucket, analyses with the subject.
        exposure: of each bucket, all analyses.
        fine_events: the same of each short stretch of time.
        fine_exposure: the same of each short stretch of time.
    """

    subject: Subject
    events: Numbers
    exposure: Numbers
    fine_events: Numbers
    fine_exposure: Numbers

    @property
    def total(self) -> int:
        """All analyses with the subject."""
        return int(self.events.sum())

    @property
    def filled(self) -> Places:
        """Numbers of the buckets that have any analysis; of the others nothing is known."""
        return np.flatnonzero(self.exposure > 0)


class Board:
    """An observation laid out for the tests.

    Args:
        observation: what was analysed.
    """

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.per_bucket = observation.bins_per_bucket
        self.starts = observation.span.buckets(observation.bucket)
        self._bins = len(self.starts) * self.per_bucket
        self.groups = [group for group in observation.groups if 0 <= group.bin < self._bins]
        self.analyses = sum(group.analyses for group in self.groups)
        self._of: dict[Subject, list[EventGroup]] = defaultdict(list)
        for group in self.groups:
            for subject in subjects_of(group):
                self._of[subject].append(group)
        self._exposure = self._counts(self.groups)

    def bucket_of(self, group: EventGroup) -> int:
        """Return the number of a group's bucket."""
        return group.bin // self.per_bucket

    def begins(self, bucket: int) -> datetime:
        """Return when a bucket begins; the one behind the last is the end of the span."""
        return self.starts[bucket] if bucket < len(self.starts) else self.observation.span.end

    def fine_begins(self, fine: int) -> datetime:
        """Return when a short stretch begins."""
        return self.starts[0] + fine * (self.observation.bucket.width / self.per_bucket)

    def of(self, subject: Subject) -> list[EventGroup]:
        """Return the groups that have the subject."""
        return self._of.get(subject, [])

    def subjects(self) -> list[Subject]:
        """Return what is common enough to be looked at: labels, failing detectors, and serious risk."""
        counts = Counter({one: sum(group.analyses for group in groups) for one, groups in self._of.items()})
        ranked = sorted(counts, key=lambda one: (-counts[one], one))
        labels = [one for one in ranked if one.kind is SubjectKind.LABEL][:MOST_LABELS]
        failing = [one for one in ranked if one.kind is SubjectKind.DETECTOR_FAILURE][:MOST_DETECTORS]
        return [*labels, *failing, *([SERIOUS_RISK] if SERIOUS_RISK in counts else [])]

    def series(self, subject: Subject) -> Series:
        """Return a subject over time."""
        events, exposure = self._counts(self.of(subject)), self._exposure
        shape = (len(self.starts), self.per_bucket)
        return Series(
            subject=subject,
            events=events.reshape(shape).sum(axis=1),
            exposure=exposure.reshape(shape).sum(axis=1),
            fine_events=events,
            fine_exposure=exposure,
        )

    def evidence(
        self, groups: list[EventGroup], first: int = 0, behind: int | None = None
    ) -> tuple[tuple[UUID, ...], int]:
        """Return ids of analyses in some short stretches, the latest first, and how many there are."""
        inside = [one for one in groups if first <= one.bin and (behind is None or one.bin < behind)]
        ids = [name for group in reversed(inside) for name in group.evidence]
        return tuple(ids[:MOST_EVIDENCE]), sum(group.analyses for group in inside)

    def _counts(self, groups: list[EventGroup]) -> Numbers:
        counts = np.zeros(self._bins)
        for group in groups:
            counts[group.bin] += group.analyses
        return counts


def too_little(kind: PatternKind, board: Board, series: Series, *, buckets: int, events: int) -> TooLittle:
    """Say that a series has not enough buckets with analyses, or not enough occurrences."""
    return TooLittle(
        kind,
        series.subject,
        f"{buckets} {board.observation.bucket.value}s with analyses and {events} occurrences",
        f"{len(series.filled)} and {series.total}",
    )


def subjects_of(group: EventGroup) -> list[Subject]:
    """Return everything that a group's analyses count for."""
    return [
        *(Subject(SubjectKind.LABEL, label) for label in group.labels),
        *(Subject(SubjectKind.DETECTOR_FAILURE, name) for name in group.failed),
        *([SERIOUS_RISK] if group.serious else []),
    ]
