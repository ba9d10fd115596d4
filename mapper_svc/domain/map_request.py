"""The use case behind /map: map hand-overs, keep what no rule knows for review."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from mapper_svc.domain.findings import MapResult, UnmappedLabel
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.ports import ReviewQueue

FINDINGS_MAX = 2_000
"""Most findings of one answer, about one megabyte of JSON."""
REVIEW_LABELS_MAX = 100
"""Most distinct labels that one request adds to the review queue."""
# The caller waits for its answer, not for the review queue, which may take its time. Less than half of the
# smallest share (250 ms) that the orchestrator gives this service.
_REVIEW_LIMIT_S = 0.1


class MappingEvents(Protocol):
    """Hears what mapping did."""

    def findings(self, tier: str, count: int) -> None:
        """``tier`` decided ``count`` findings."""
        ...

    def review_not_kept(self, count: int, *, reason: str) -> None:
        """``count`` unmapped labels were not kept for review; ``reason`` is a plain identifier."""
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
        """Map each payload; the answer never fails because the review queue is away.

        Raises:
            ServiceError: PAYLOAD_TOO_LARGE when the answer would have more findings than FINDINGS_MAX.
        """
        now = datetime.now(UTC)
        results: list[MapResult] = []
        found = 0
        for payload in payloads:
            results.append(map_payload(payload, catalogue=self._catalogue, now=now))
            found += len(results[-1].findings)
            if found > FINDINGS_MAX:
                raise ServiceError(
                    ErrorCode.PAYLOAD_TOO_LARGE,
                    f"this gives more than {FINDINGS_MAX} findings; send fewer hand-overs at once",
                    field=f"items[{len(results) - 1}]" if len(payloads) > 1 else "body",
                )
            await asyncio.sleep(0)  # a batch of large payloads lets others in between
        tiers = Counter(finding.tier.value for result in results for finding in result.findings)
        for tier, count in tiers.items():
            self._events.findings(tier, count)
        unmapped = [label for result in results for label in result.unmapped]
        if unmapped:
            await self._keep_for_review(tenant_id, unmapped)
        return results

    async def _keep_for_review(self, tenant_id: UUID, unmapped: Sequence[UnmappedLabel]) -> None:
        first = set(islice(dict.fromkeys(label.key for label in unmapped), REVIEW_LABELS_MAX))
        kept = [label for label in unmapped if label.key in first]
        if len(kept) < len(unmapped):
            self._events.review_not_kept(len(unmapped) - len(kept), reason="too_many")
        task = self._background.start(self._keep(tenant_id, kept))
        if task is None:
            self._events.review_not_kept(len(kept), reason="too_busy")
            return
        done, _ = await asyncio.wait({task}, timeout=_REVIEW_LIMIT_S)
        for ended in done:
            ended.result()

    async def _keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:
        try:
            await self._review.keep(tenant_id, labels)
        except StorageUnavailableError as error:
            self._events.review_not_kept(len(labels), reason=type(error.__cause__).__name__)
