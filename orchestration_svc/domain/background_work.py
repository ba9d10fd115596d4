"""Work that a request starts and does not wait for to the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

_MOST = 64


class BackgroundWork:
    """Holds work that outlives its request, and takes no more of it than can be afforded.

    To cancel a call to a database that went silent takes seconds by itself, as the driver first asks the
    server to stop. A caller that may not wait so long waits on the task for its time and then leaves it here.

    Args:
        most: how much of it is taken at once.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Start the work; None, and nothing started, while too much of it is still under way."""
        if len(self._tasks) >= self._most:
            work.close()
            return None
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancel what is under way and wait for its end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelling() and not task.cancelled():
            task.exception()  # how cancelled work failed in the end is of no more interest
