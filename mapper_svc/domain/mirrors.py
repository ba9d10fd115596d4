"""Calls to models that go on without a request: bounded, so that they never crowd out those of requests."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Mirrors:
    """Holds them.

    Args:
        limit: how many may be under way.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether no other one may begin now."""
        return len(self._tasks) >= self._limit

    def hold(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin one, whether full or not: ask `full` before."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel those under way and wait for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
