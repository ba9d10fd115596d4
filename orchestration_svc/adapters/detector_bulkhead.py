"""So many calls of one detector at once, and as many again that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason


class Bulkhead:
    """Keeps a slow detector from taking up the whole service.

    Args:
        most: calls under way at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots = asyncio.Semaphore(most)
        self._inside = 0

    @asynccontextmanager
    async def slot(self, deadline: float) -> AsyncIterator[None]:
        """Hold one of the slots; waits for it until ``deadline``, by the loop's clock.

        Raises:
            DetectorFault: unavailable when too many wait already, timeout when none came free in time.
        """
        if self._inside >= 2 * self._most:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.TOO_MANY_CALLS)
        self._inside += 1
        try:
            if not self._slots.locked():
                await self._slots.acquire()  # at once, and without the price of a time limit
            else:
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._slots.acquire()
                except TimeoutError:
                    raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.QUEUED_TOO_LONG) from None
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._inside -= 1
