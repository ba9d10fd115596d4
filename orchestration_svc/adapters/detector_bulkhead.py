"""So many calls of one detector at once, and as many again that wait."""

import asyncio

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

    @property
    def is_free(self) -> bool:
        """Whether `enter` would take a slot at once."""
        return not self._slots.locked()

    async def enter(self, deadline: float) -> None:
        """Take one of the slots, given back by `leave`; waits for it until ``deadline`` of the loop's clock.

        Raises:
            DetectorFault: unavailable when too many wait already, timeout when none came free in time.
        """
        if self._inside >= 2 * self._most:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.TOO_MANY_CALLS)
        self._inside += 1
        try:
            if not self._slots.locked():
                await self._slots.acquire()  # at once, and without the price of a time limit
                return
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError:
            self._inside -= 1
            raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.QUEUED_TOO_LONG) from None
        except BaseException:
            self._inside -= 1
            raise

    def leave(self) -> None:
        """Give a slot back."""
        self._slots.release()
        self._inside -= 1
