"""The use case behind /patterns: load what was analysed, and look for patterns in it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.insights.pattern_models import Found, Observation, PatternKind, Subject, TooLittle
from analysis_svc.domain.insights.span import Bucket, Span

MOST_DAYS = {Bucket.HOUR: 14, Bucket.DAY: 190}
BINS_PER_BUCKET = {Bucket.HOUR: 4, Bucket.DAY: 12}
LEAST_BUCKETS = 5
LEAST_ANALYSES = 20
MOST_ANALYSES = 50_000
"""The newest of a span are looked at, and the answer says from when on."""


class EventSource(Protocol):
    """Reads stored analyses in short stretches of time."""

    async def observe(
        self, tenant_id: UUID, span: Span, bucket: Bucket, *, bins_per_bucket: int, most: int
    ) -> Observation:
        """Return the newest analyses of a span, grouped; only whole buckets where not all of them are.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...


class PatternFinder(Protocol):
    """Computes, without holding up other requests."""

    async def find(self, observation: Observation, only: Subject | None) -> Found:
        """Look for patterns.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when too many are asking, or it takes too long.
        """
        ...


class PatternsOverTime:
    """Finds patterns in the evidence of a tenant."""

    def __init__(self, source: EventSource, finder: PatternFinder) -> None:
        self._source = source
        self._finder = finder

    async def find(self, tenant_id: UUID, span: Span, bucket: Bucket, only: Subject | None = None) -> Found:
        """Look for patterns in a span; of one subject if it is named."""
        observation = await self._source.observe(
            tenant_id, span, bucket, bins_per_bucket=BINS_PER_BUCKET[bucket], most=MOST_ANALYSES
        )
        if _too_little_for_any(observation):
            return _nothing(observation, only)
        return await self._finder.find(observation, only)


def _too_little_for_any(observation: Observation) -> bool:
    """Whether no test there is can be made: each needs either time or many analyses."""
    buckets = {group.bin // observation.bins_per_bucket for group in observation.groups}
    return len(buckets) < LEAST_BUCKETS and _analyses(observation) < LEAST_ANALYSES


def _nothing(observation: Observation, only: Subject | None) -> Found:
    buckets = {group.bin // observation.bins_per_bucket for group in observation.groups}
    needed = f"{LEAST_BUCKETS} {observation.bucket.value}s with analyses, or {LEAST_ANALYSES} analyses"
    had = f"{len(buckets)} and {_analyses(observation)}"
    return Found(
        span=observation.span,
        bucket=observation.bucket,
        cut=observation.cut,
        analyses=_analyses(observation),
        tested=dict.fromkeys(PatternKind, 0),
        patterns=(),
        too_little=tuple(TooLittle(kind, only, needed, had) for kind in PatternKind),
    )


def _analyses(observation: Observation) -> int:
    return sum(group.analyses for group in observation.groups)


def first_whole(span: Span, bucket: Bucket, earliest: datetime) -> Span:
    """Return the part of a span in which every bucket is whole, where nothing before `earliest` was read."""
    start = bucket.begin(earliest)
    whole = start if start == earliest else start + bucket.width
    return Span(min(max(whole, span.start), bucket.begin(span.end)), span.end, span.application)
