"""What one request may cost: findings, labels for review, and time waiting for the review queue."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from mapper_svc.domain import map_request
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from mapper_svc.domain.findings import UnmappedLabel
from mapper_svc.domain.map_request import MapRequests
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from mapper_svc.domain.ports import ReviewItem, ReviewPosition
from mapper_svc.domain.review_decisions import DecisionState

TENANT = uuid4()
SMALLEST_SHARE_S = 0.25  # of the mapper, in a CRITICAL request


class Queue:
    """Keeps labels in memory, after a while, or fails."""

    def __init__(self, *, delay_s: float = 0.0, fails: bool = False) -> None:
        self.kept: list[UnmappedLabel] = []
        self._delay_s = delay_s
        self._fails = fails

    async def keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:  # noqa: ARG002 - a port
        await asyncio.sleep(self._delay_s)
        if self._fails:
            raise StorageUnavailableError
        self.kept.extend(labels)

    async def page(
        self,
        tenant_id: UUID,
        *,
        limit: int,
        after: ReviewPosition | None = None,
        state: DecisionState | None = None,
    ) -> list[ReviewItem]:
        raise NotImplementedError


class Events:
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.lost: list[tuple[int, str]] = []

    def findings(self, tier: str, count: int) -> None:
        pass

    def review_not_kept(self, count: int, *, reason: str) -> None:
        self.lost.append((count, reason))


def unknown(count: int, detector: str = "nobody", first: int = 0) -> MapperPayload:
    letters = [chr(97 + n) for n in range(26)]
    names = [f"zq{a}{b}{c}" for a in letters for b in letters for c in letters]
    return MapperPayload(detector, names[first : first + count])


async def run(catalogue: Catalogue, queue: Queue, *payloads: MapperPayload) -> tuple[Any, Events]:
    events, background = Events(), BackgroundWork()
    try:
        results = await MapRequests(catalogue, queue, events, background)(payloads, tenant_id=TENANT)
    finally:
        await background.close()
    return results, events


async def test_one_request_adds_a_hundred_labels_to_the_review_queue_at_most(catalogue: Catalogue) -> None:
    queue = Queue()
    payloads = [unknown(15, first=15 * n) for n in range(100)]
    results, events = await run(catalogue, queue, *payloads, unknown(15))
    assert sum(len(result.findings) for result in results) == 1515
    assert len({label.key for label in queue.kept}) == 100
    assert len(queue.kept) == 115, "those seen again are counted"
    assert events.lost == [(1400, "too_many")]


async def test_a_batch_with_too_many_findings_is_refused_and_says_where(catalogue: Catalogue) -> None:
    payloads = [unknown(9_700)] * 100
    started = time.perf_counter()
    with pytest.raises(ServiceError) as caught:
        await run(catalogue, Queue(), *payloads)
    assert caught.value.code is ErrorCode.PAYLOAD_TOO_LARGE
    assert caught.value.field == "items[19]"
    assert time.perf_counter() - started < 60, "it is refused at the twentieth, not after all hundred"


async def test_a_single_hand_over_with_too_many_findings_is_refused(catalogue: Catalogue) -> None:
    known = tuple(catalogue.vendors["azure_language_pii"].labels)[:20]
    entries = tuple(ProvenanceEntry("azure_language_pii", known) for _ in range(101))
    with pytest.raises(ServiceError) as caught:
        await run(catalogue, Queue(), MapperPayload("aggregate", provenance=entries))
    assert (caught.value.code, caught.value.field) == (ErrorCode.PAYLOAD_TOO_LARGE, "body")


async def test_a_wild_detector_holds_the_others_up_for_a_moment_only(catalogue: Catalogue) -> None:
    longest, over = 0.0, False

    async def beat() -> None:
        nonlocal longest
        while not over:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    beating = asyncio.create_task(beat())
    await run(catalogue, Queue(), *[unknown(9_700)] * 3)
    over = True
    await beating
    assert longest < 3.0


async def test_a_slow_review_queue_costs_less_than_half_of_the_smallest_share(catalogue: Catalogue) -> None:
    await run(catalogue, Queue(), unknown(1))
    started = time.perf_counter()
    results, _ = await run(catalogue, Queue(delay_s=5.0), unknown(1))
    assert map_request._REVIEW_LIMIT_S < SMALLEST_SHARE_S / 2
    assert time.perf_counter() - started < 4  # the queue would take five seconds
    assert results[0].findings[0].taxonomy == ("OTHER.Unknown",)


async def test_a_review_queue_that_is_away_costs_no_answer(catalogue: Catalogue) -> None:
    results, events = await run(catalogue, Queue(fails=True), unknown(3))
    assert len(results[0].findings) == 3
    assert [count for count, _ in events.lost] == [3]
