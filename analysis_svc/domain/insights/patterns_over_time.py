"""The use case behind /patterns: load what was analysed, and look for patterns in it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.insights.pattern_models import Found, Observation, Subject
from analysis_svc.domain.insights.span import Bucket, Span

MOST_DAYS = {Bucket.HOUR: 14, Bucket.DAY: 190}
BINS_PER_BUCKET = {Bucket.HOUR: 4, Bucket.DAY: 12}
MOST_ANALYSES = 100_000
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
        return await self._finder.find(observation, only)


def first_whole(span: Span, bucket: Bucket, earliest: datetime) -> Span:
    """Return the part of a span in which every bucket is whole, where nothing before `earliest` was read."""
    start = bucket.begin(earliest)
    whole = start if start == earliest else start + bucket.width
    return Span(min(max(whole, span.start), bucket.begin(span.end)), span.end, span.application)
