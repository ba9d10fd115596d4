"""Risk over time, of a tenant and of each of its applications.

A group of analyses has the **score** ``mean of the worst 5 %`` of their scores (at least one of them, rounded
up), which is the expected shortfall at 95 %. The mean of all would hide one stolen key among a thousand
greetings, and the maximum alone would say the same of one incident and of a thousand. A higher score of any
analysis never lowers it. The lower and the upper end of the interval are made of the analyses' own ends in
the same way; as each analysis has ``low <= score <= high``, so has every group.

Where nothing was analysed there is no score: nothing is known of that time, and 0 would say that it was
quiet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.models import Level
from analysis_svc.domain.score_risk import level_of

TAIL = 0.05
"""Share of the analyses, the worst, that a group's score is the mean of."""
MOST_APPLICATIONS = 50


@dataclass(frozen=True, slots=True)
class RiskFigures:
    """What a group of analyses comes to; scores are 0 to 100 and None where nothing was analysed.

    Attributes:
        analyses: how many.
        score: mean of the worst 5 % of their scores.
        low: the same of the lower ends of their intervals.
        high: the same of the upper ends.
        mean: of all their scores.
        worst: the highest of their scores.
        levels: how many had each level; levels that none had are absent.
        not_fully_looked: in how many a detector that had to look did not.
    """

    analyses: int = 0
    score: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    worst: float | None = None
    levels: Mapping[Level, int] = field(default_factory=lambda: MappingProxyType({}))
    not_fully_looked: int = 0

    @property
    def level(self) -> Level | None:
        """The score's level; undetermined where it is 0 and something did not look."""
        if self.score is None:
            return None
        # Where every score is 0 the analyses themselves say whether something was left open.
        return level_of(self.score, float(self.levels.get(Level.UNDETERMINED, 0)))


NOTHING = RiskFigures()


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """One bucket of time."""

    start: datetime
    figures: RiskFigures


@dataclass(frozen=True, slots=True)
class ApplicationRisk:
    """One application, None where the caller named none."""

    application: str | None
    figures: RiskFigures


@dataclass(frozen=True, slots=True)
class History:
    """Risk over a span: every bucket in order, the whole, and the riskiest applications first."""

    span: Span
    bucket: Bucket
    points: tuple[RiskPoint, ...]
    total: RiskFigures
    applications: tuple[ApplicationRisk, ...]


class RiskFacts(Protocol):
    """Adds stored analyses up."""

    async def by_time(self, tenant_id: UUID, span: Span, bucket: Bucket) -> Mapping[datetime, RiskFigures]:
        """Return the figures of each bucket that has any analysis.

        Raises:
            StorageUnavailableError: the database is away, or the span holds too much for its time limit.
        """
        ...

    async def by_application(
        self, tenant_id: UUID, span: Span, *, limit: int
    ) -> Sequence[tuple[str | None, RiskFigures]]:
        """Return the figures of each application, highest score first."""
        ...

    async def total(self, tenant_id: UUID, span: Span) -> RiskFigures:
        """Return the figures of all of them together."""
        ...


class RiskHistory:
    """Tells how the risk of a tenant went."""

    def __init__(self, facts: RiskFacts) -> None:
        self._facts = facts

    async def over(self, tenant_id: UUID, span: Span, bucket: Bucket) -> History:
        """Return the history of a span; buckets without an analysis are in it, without a score."""
        found = await self._facts.by_time(tenant_id, span, bucket)
        applications = await self._facts.by_application(tenant_id, span, limit=MOST_APPLICATIONS)
        return History(
            span=span,
            bucket=bucket,
            points=tuple(RiskPoint(at, found.get(at, NOTHING)) for at in span.buckets(bucket)),
            total=await self._facts.total(tenant_id, span),
            applications=tuple(ApplicationRisk(name, figures) for name, figures in applications),
        )
