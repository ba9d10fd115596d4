"""A call that is made a second time when its answer is late; the first good answer of the two is used."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from orchestration_svc.adapters.detector_bulkhead import Bulkhead
from orchestration_svc.domain.detection import (
    DetectorFault,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
)

_SHARE = 0.1
_SAVED_MAX = 10.0
Asking = Callable[[], Coroutine[None, None, DetectorOutput]]


class HedgeAllowance:
    """How many second calls there may be: ten, and then one for each ten calls.

    When everything is slow, second calls help nobody and make a server that has too much to do do more.
    """

    def __init__(self) -> None:
        self._saved = _SAVED_MAX

    def earn(self) -> None:
        """Count a call."""
        self._saved = min(_SAVED_MAX, self._saved + _SHARE)

    def spend(self) -> bool:
        """Take a second call out of it; False, and nothing taken, where there is none left."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True


class HedgedCalls:
    """Makes calls, and late ones a second time.

    Args:
        after_s: seconds after which a call is late.
        bulkhead: both calls hold a slot of it, each until it has really ended.
        has_room: whether a second call would be looked at now; asked only when one is due.
        told: hears what became of each call that was late: ``won`` when the second was the first to answer,
            ``lost`` when the first was, ``neither``, or ``no_room`` when there was no second one.
    """

    def __init__(
        self,
        after_s: float,
        bulkhead: Bulkhead,
        *,
        told: Callable[[str], None],
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._after_s = after_s
        self._bulkhead = bulkhead
        self._told = told
        self._has_room = has_room
        self._allowance = HedgeAllowance()
        self._under_way: set[asyncio.Task[DetectorOutput]] = set()

    async def ask(self, first: Asking, again: Asking) -> DetectorOutput:
        """Return the first good answer; the other call is cancelled, and not waited for.

        Args:
            first: the call that there is in any case; the caller entered the bulkhead for it, and it is left
                from here.
            again: the second one.

        Raises:
            DetectorFault: what became of the first call, when neither has a good answer.
        """
        self._allowance.earn()
        calls = [self._begin(first())]
        try:
            await asyncio.wait(calls, timeout=self._after_s)
            if calls[0].done():
                return calls[0].result()
            outcome = "neither"
            if self._may_hedge():
                await self._bulkhead.enter(0.0)  # at once, for it is free
                calls.append(self._begin(again()))
            else:
                outcome = "no_room"
            try:
                good = await _first_good(calls)
                if len(calls) > 1 and good is not None:
                    outcome = "lost" if good is calls[0] else "won"
            finally:
                self._told(outcome)
            return (good or calls[0]).result()
        finally:
            for call in calls:
                call.cancel()  # one that has ended does not mind

    def _may_hedge(self) -> bool:
        return self._has_room() and self._bulkhead.is_free and self._allowance.spend()

    def _begin(self, asking: Coroutine[None, None, DetectorOutput]) -> asyncio.Task[DetectorOutput]:
        call = asyncio.create_task(_contained(asking))
        self._under_way.add(call)
        call.add_done_callback(self._ended)
        return call

    def _ended(self, call: asyncio.Task[DetectorOutput]) -> None:
        self._under_way.discard(call)
        self._bulkhead.leave()
        if not call.cancelled():
            call.exception()  # perhaps the other one answered, and then it is of no interest


async def _first_good(calls: Sequence[asyncio.Task[DetectorOutput]]) -> asyncio.Task[DetectorOutput] | None:
    waiting = set(calls)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for call in calls:
            if call in done and not call.cancelled() and call.exception() is None:
                return call
    return None


async def _contained(asking: Coroutine[None, None, DetectorOutput]) -> DetectorOutput:
    try:
        return await asking
    except SystemExit:  # of a plugin; out of a task of its own it would end the service
        raise DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED) from None
