"""Rows of several requests in one batch, without waiting for more of them than there are."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class OverloadedError(Exception):
    """So many rows wait already that a further request is refused."""


class _Request(Generic[In, Out]):
    """What is left of one request, and where its answer goes."""

    def __init__(self, rows: Sequence[In], future: asyncio.Future[list[Out]]) -> None:
        self.rows = rows
        self.future = future
        self.next = 0
        self.found: dict[int, Out] = {}

    @property
    def waiting(self) -> int:
        return len(self.rows) - self.next


class Batcher(Generic[In, Out]):
    """Scores rows in batches that adapt to the load.

    A request that finds the model idle is scored at once. While the model is busy, requests gather, and the
    next batch takes a row of each in turn until it is full: a request of many rows is spread over batches
    and does not keep a small one waiting for all of itself.
    """

    def __init__(
        self,
        score: Callable[[list[In]], Awaitable[Sequence[Out]]],
        *,
        rows: int,
        waiting: int,
        parallel: int = 1,
        observe: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Makes a batcher.

        Args:
            score: gives one result for each row, in order.
            rows: most rows of a batch.
            waiting: most rows that wait.
            parallel: batches that are scored side by side.
            observe: is told the rows of each batch.
        """
        self._score = score
        self._rows = rows
        self._limit = waiting
        self._parallel = parallel
        self._observe = observe
        self._requests: deque[_Request[In, Out]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return sum(request.waiting for request in self._requests)

    async def submit(self, rows: Sequence[In]) -> list[Out]:
        """Returns the result of each row, in order.

        Raises:
            OverloadedError: too many rows wait.
        """
        if not rows:
            return []
        if self.waiting + len(rows) > self._limit:
            raise OverloadedError
        request = _Request[In, Out](rows, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._start()
        try:
            return await request.future
        finally:
            # Cancelled with rows still waiting: nobody wants them any more.
            if request in self._requests:
                self._requests.remove(request)

    async def close(self) -> None:
        """Gives up what waits and what runs."""
        for request in self._requests:
            request.future.cancel()
        self._requests.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _start(self) -> None:
        while self._requests and len(self._running) < self._parallel:
            task = asyncio.get_running_loop().create_task(self._run(self._take()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()

    def _take(self) -> list[tuple[_Request[In, Out], int]]:
        batch: list[tuple[_Request[In, Out], int]] = []
        while self._requests and len(batch) < self._rows:
            request = self._requests.popleft()
            batch.append((request, request.next))
            request.next += 1
            if request.waiting:
                self._requests.append(request)
        return batch

    async def _run(self, batch: list[tuple[_Request[In, Out], int]]) -> None:
        self._observe(len(batch))
        try:
            results = await self._score([request.rows[at] for request, at in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked, each of whom gets it
            for request, _ in batch:
                self._fail(request, error)
            return
        for (request, at), result in zip(batch, results, strict=True):
            request.found[at] = result
            if len(request.found) == len(request.rows) and not request.future.done():
                request.future.set_result([request.found[place] for place in range(len(request.rows))])

    def _fail(self, request: _Request[In, Out], error: Exception) -> None:
        if not request.future.done():
            request.future.set_exception(error)
        if request in self._requests:
            self._requests.remove(request)
