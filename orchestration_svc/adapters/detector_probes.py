"""Asks every detector now and then whether it is well."""

import asyncio
import random
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from orchestration_svc.adapters.contained_detector import ContainedDetector
from orchestration_svc.domain.detector_breaker import BreakerState
from orchestration_svc.domain.own_task import is_cancelled

INTERVAL_S = 10.0
"""Seconds between two probes of a detector that is well."""
SOON_S = 3.0
"""Seconds until the next probe of one that is not, or that is left alone: it is out, or back, the sooner."""
TIMEOUT_S = 5.0
"""Longest that a probe takes, in seconds: out after 10 + 5 + 3 + 5 at the latest."""
_TICK_S = 0.5
_MOST_AT_ONCE = 32


class DetectorProbes:
    """Probes detectors until cancelled.

    Args:
        detectors: returns those there are now.
        interval_s: seconds between two probes of one that is well.
        soon_s: seconds until the next of one that is not.
        timeout_s: longest that one takes, in seconds.
    """

    def __init__(
        self,
        detectors: Callable[[], Sequence[ContainedDetector]],
        *,
        interval_s: float = INTERVAL_S,
        soon_s: float = SOON_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._detectors = detectors
        self._interval_s = interval_s
        self._soon_s = soon_s
        self._timeout_s = timeout_s
        self._due: WeakKeyDictionary[ContainedDetector, float] = WeakKeyDictionary()
        self._under_way: dict[asyncio.Task[None], ContainedDetector] = {}

    async def run(self) -> None:
        """Go on until cancelled."""
        try:
            while not is_cancelled():
                self._begin_due()
                await asyncio.sleep(min(_TICK_S, self._soon_s))
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    def _begin_due(self) -> None:
        now = asyncio.get_running_loop().time()
        busy = set(self._under_way.values())
        for detector in self._detectors():
            if len(self._under_way) >= _MOST_AT_ONCE:
                return
            # A new one is asked at once: nobody knows yet whether its address is right.
            if detector not in busy and self._due.get(detector, now) <= now:
                task = asyncio.create_task(self._probe(detector))
                self._under_way[task] = detector
                task.add_done_callback(self._under_way.pop)

    async def _probe(self, detector: ContainedDetector) -> None:
        well = False
        try:
            timeout_s = max(0.05, min(self._timeout_s, detector.info.timeout_ms / 1000))
            well = await detector.probe(timeout_s)
        finally:
            closed = detector.breaker.state is BreakerState.CLOSED
            wait = self._interval_s if well and closed else self._soon_s
            # Spread, so that replicas do not all ask at the same moment.
            spread = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
            self._due[detector] = asyncio.get_running_loop().time() + wait * spread
