"""Statistics in a process of their own: they take seconds of a processor, and so does importing them."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import structlog

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.insights.pattern_models import Found, Observation, Subject

LIMIT_S = 60.0
MOST_WAITING = 8
_log = structlog.get_logger("analysis_svc")


def _find(observation: Observation, only: Subject | None) -> Found:
    # Here and not above, so that the service itself never loads the libraries.
    from analysis_svc.domain.insights.statistics.find_patterns import find_patterns  # noqa: PLC0415

    return find_patterns(observation, only=only)


class StatisticsProcess:
    """Implements PatternFinder: one computation at a time, in a process that starts when it is first needed.

    A process that dies or takes longer than a minute is ended, and the next question gets a new one.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def find(self, observation: Observation, only: Subject | None) -> Found:
        """Look for patterns.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when eight are waiting, it takes too long, or the process died.
        """
        if self._waiting >= MOST_WAITING:
            raise _unavailable("too many questions about patterns are being computed; try again")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._compute(observation, only)
        finally:
            self._waiting -= 1

    async def _compute(self, observation: Observation, only: Subject | None) -> Found:
        if self._pool is None:
            # Not forked: a copy of a process with threads and open connections would hold their locks.
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LIMIT_S):
                return await loop.run_in_executor(self._pool, _find, observation, only)
        except (TimeoutError, BrokenProcessPool) as error:
            _log.warning("statistics_process_ended", reason=type(error).__name__)
            self._end()
            raise _unavailable("computing the patterns was broken off; ask for a shorter span") from error
        except asyncio.CancelledError:
            self._end()  # nobody waits for the result, and it would hold up the next
            raise

    def close(self) -> None:
        """End the process."""
        self._end()

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # An executor only lets its process end by itself. There is no public way to its processes in 3.11.
        for process in list((pool._processes or {}).values()):  # noqa: SLF001
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)


def _unavailable(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.SERVICE_UNAVAILABLE, detail)
