"""How much one process may put into a store that others need, too."""

import time
from collections import Counter
from collections.abc import Callable
from uuid import UUID

_TENANTS_SHARE = 4


class ByteAllowance:
    """So many bytes in each span of time, of which one tenant gets a quarter.

    What lives for no longer than a span takes twice the bytes at most: those of this span and the last.

    Args:
        most: bytes in a span.
        span_s: its length in seconds.
        clock: seconds that never go back.
    """

    def __init__(self, most: int, span_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._span_s = span_s
        self._clock = clock
        self._ends = float("-inf")
        self._taken: Counter[UUID] = Counter()
        self._total = 0

    def take(self, tenant_id: UUID, count: int) -> bool:
        """Take bytes for a tenant; False, and nothing taken, where that would be too many."""
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._span_s
            self._taken.clear()
            self._total = 0
        beyond_own = self._taken[tenant_id] + count > self._most // _TENANTS_SHARE
        if beyond_own or self._total + count > self._most:
            return False
        self._taken[tenant_id] += count
        self._total += count
        return True
