"""The use case behind /map: map hand-overs, keep what no rule knows for review."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.errors import StorageUnavailableError
from mapper_svc.domain.findings import MapResult, UnmappedLabel
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.ports import ReviewQueue

# The caller waits for its answer, not for the review queue, which may take its time.
_REVIEW_LIMIT_S = 0.25


class MappingEvents(Protocol):
    """Hears what mapping did."""

    def findings(self, tier: str, count: int) -> None:
        """``tier`` decided ``count`` findings."""
        ...

    def review_not_kept(self, count: int) -> None:
        """``count`` unmapped labels could not be kept for review."""
        ...


class MapRequests:
    """Maps hand-overs by the rules of the catalogue."""

    def __init__(
        self, catalogue: Catalogue, review: ReviewQueue, events: MappingEvents, background: BackgroundWork
    ) -> None:
        self._catalogue = catalogue
        self._background = background
        self._review = review
        self._events = events

    async def __call__(self, payloads: Sequence[MapperPayload], *, tenant_id: UUID) -> list[MapResult]:
        """Map each payload; the answer never fails because the review queue is away."""
        now = datetime.now(UTC)
        results = []
        for payload in payloads:
            results.append(map_payload(payload, catalogue=self._catalogue, now=now))
            await asyncio.sleep(0)  # a batch of large payloads lets others in between
        tiers = Counter(finding.tier.value for result in results for finding in result.findings)
        for tier, count in tiers.items():
            self._events.findings(tier, count)
        unmapped = [label for result in results for label in result.unmapped]
        if unmapped:
            task = self._background.start(self._keep(tenant_id, unmapped))
            if task is None:
                self._events.review_not_kept(len(unmapped))
            else:
                done, _ = await asyncio.wait({task}, timeout=_REVIEW_LIMIT_S)
                for ended in done:
                    ended.result()
        return results

    async def _keep(self, tenant_id: UUID, unmapped: Sequence[UnmappedLabel]) -> None:
        try:
            await self._review.keep(tenant_id, unmapped)
        except StorageUnavailableError:
            self._events.review_not_kept(len(unmapped))
