import asyncio
from collections.abc import Sequence

import pytest

from bentos.web.batcher import Batcher, OverloadedError


class Scorer:
    """Doubles numbers; stops within a batch until it is let go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = asyncio.Event()

    async def __call__(self, rows: list[int]) -> Sequence[int]:
        self.batches.append(rows)
        await self.go_on.wait()
        if 13 in rows:
            raise ValueError("thirteen")
        return [row * 2 for row in rows]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_request_that_finds_nobody_waiting_is_scored_at_once() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=4, waiting=100)
    asked = asyncio.create_task(batcher.submit([1]))
    await settle()
    assert scorer.batches == [[1]]
    scorer.go_on.set()
    assert await asked == [2]


async def test_requests_that_gather_while_the_model_is_busy_are_scored_together() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=4, waiting=100)
    asked = [asyncio.create_task(batcher.submit([number])) for number in (1, 2, 3)]
    await settle()
    scorer.go_on.set()
    assert await asyncio.gather(*asked) == [[2], [4], [6]]
    assert scorer.batches == [[1], [2, 3]]


async def test_a_large_request_does_not_keep_a_small_one_waiting_for_all_of_itself() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=2, waiting=100)
    large = asyncio.create_task(batcher.submit([1, 2, 3, 4, 5, 6]))
    await settle()
    small = asyncio.create_task(batcher.submit([7]))
    await settle()
    scorer.go_on.set()
    assert await small == [14]
    assert await large == [2, 4, 6, 8, 10, 12]
    assert scorer.batches[:2] == [[1, 2], [3, 7]]


async def test_answers_keep_the_order_of_their_rows() -> None:
    scorer = Scorer()
    scorer.go_on.set()
    batcher: Batcher[int, int] = Batcher(scorer, rows=3, waiting=1000, parallel=2)
    asked = [list(range(at, at + 10)) for at in (100, 200, 300)]
    found = await asyncio.gather(*(batcher.submit(rows) for rows in asked))
    assert found == [[row * 2 for row in rows] for rows in asked]
    assert max(len(batch) for batch in scorer.batches) == 3


async def test_what_would_wait_too_long_is_refused_and_the_rest_is_answered() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=2, waiting=3)
    first = asyncio.create_task(batcher.submit([1, 2]))
    await settle()
    second = asyncio.create_task(batcher.submit([3, 4, 5]))
    await settle()
    with pytest.raises(OverloadedError):
        await batcher.submit([6])
    scorer.go_on.set()
    assert await first == [2, 4]
    assert await second == [6, 8, 10]


async def test_a_fault_reaches_those_whose_rows_were_in_the_batch_and_nobody_else() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=2, waiting=100)
    first = asyncio.create_task(batcher.submit([1]))
    await settle()
    bad = asyncio.create_task(batcher.submit([13, 14, 15]))
    later = asyncio.create_task(batcher.submit([2]))
    await settle()
    scorer.go_on.set()
    assert await first == [2]
    with pytest.raises(ValueError, match="thirteen"):
        await bad
    with pytest.raises(ValueError, match="thirteen"):
        await later
    assert await batcher.submit([3]) == [6]


async def test_rows_that_nobody_waits_for_any_more_are_not_scored() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=1, waiting=100)
    first = asyncio.create_task(batcher.submit([1]))
    given_up = asyncio.create_task(batcher.submit([2, 3]))
    await settle()
    given_up.cancel()
    await settle()
    assert batcher.waiting == 0
    scorer.go_on.set()
    assert await first == [2]
    await settle()
    assert scorer.batches == [[1]]


async def test_closing_gives_up_what_waits() -> None:
    scorer = Scorer()
    batcher: Batcher[int, int] = Batcher(scorer, rows=1, waiting=100)
    waiting = [asyncio.create_task(batcher.submit([number])) for number in (1, 2)]
    await settle()
    waiting[0].cancel()
    await batcher.close()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [
        asyncio.CancelledError,
        asyncio.CancelledError,
    ]
