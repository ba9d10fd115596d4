"""What the dashboard shows of kept evidence: read-only sums over a stretch of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.ports import EvidenceSummary


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which analyses are counted: those since ``start`` and before ``end``, of one application or of all.

    Attributes:
        start: first instant, UTC.
        end: first instant that is no longer in it, UTC.
        step: length of one slice of it.
        application: as callers named it; None means all.
    """

    start: datetime
    end: datetime
    step: timedelta
    application: str | None = None

    @property
    def slices(self) -> list[datetime]:
        """Beginnings of its slices, oldest first."""
        count = -((self.start - self.end) // self.step)
        return [self.start + index * self.step for index in range(count)]


@dataclass(frozen=True, slots=True)
class Counted:
    """Something with how often it was seen."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class DetectorRuns:
    """How often a detector had to look or was started, and how often it did."""

    detector: str
    expected: int
    succeeded: int


@dataclass(frozen=True, slots=True)
class LabelSeen:
    """Findings of one label.

    Attributes:
        label: canonical name.
        findings: how many findings have it.
        occurrences: how often it was seen in them.
        analyses: in how many analyses.
        mean_confidence: of the findings, in [0, 1].
        highest_score: of the findings, in [0, 1].
        last_seen: when the newest was analysed.
    """

    label: str
    findings: int
    occurrences: int
    analyses: int
    mean_confidence: float
    highest_score: float
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class LabelSlice:
    """How many findings of one slice of time have a label."""

    label: str
    start: datetime
    findings: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page: how much was analysed, how it ended, what stands out.

    Attributes:
        analyses: how many.
        levels: how many of them had each level.
        not_fully_looked: in how many a detector failed, or did not look though it had to, whatever the level.
        findings: how many there are of what could do harm.
        left_open: results that could not be read, recognised, or that wait for a person.
        detectors: how often each had to look, and did.
        controls: those that most analyses violate.
        labels: those that most findings have.
        severe: the newest high and critical analyses.
        newest: when the newest was analysed.
    """

    analyses: int
    levels: Sequence[Counted]
    not_fully_looked: int
    findings: int
    left_open: int
    detectors: Sequence[DetectorRuns]
    controls: Sequence[Counted]
    labels: Sequence[Counted]
    severe: Sequence[EvidenceSummary]
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """What records are asked for; None means any."""

    level: str | None = None
    label: str | None = None
    detector: str | None = None
    control: str | None = None
    request_id: str | None = None


class DashboardViews(Protocol):
    """Reads one tenant's evidence.

    Every method raises StorageUnavailableError when the database is away.
    """

    async def overview(self, tenant_id: UUID, stretch: Stretch) -> Overview:
        """Sum the stretch up."""
        ...

    async def labels(self, tenant_id: UUID, stretch: Stretch) -> list[LabelSeen]:
        """Return every label that was found, most findings first."""
        ...

    async def labels_over_time(self, tenant_id: UUID, stretch: Stretch) -> list[LabelSlice]:
        """Return how many findings have each label, slice by slice, where any has."""
        ...

    async def analyses_over_time(self, tenant_id: UUID, stretch: Stretch) -> dict[datetime, int]:
        """Return how many analyses there are, slice by slice, where there are any."""
        ...

    async def evidence(
        self, tenant_id: UUID, stretch: Stretch, wanted: EvidenceFilter, *, after: UUID | None, limit: int
    ) -> list[EvidenceSummary]:
        """Return records of the stretch, newest first, those that come after the record of that id."""
        ...

    async def applications(self, tenant_id: UUID, stretch: Stretch) -> list[str]:
        """Return the applications that were analysed, by name, at most a hundred."""
        ...
