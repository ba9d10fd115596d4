"""A detector whose failures stay its own: probed, behind breaker and bulkhead, retried where safe."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import stamina

from orchestration_svc.adapters.detector_bulkhead import Bulkhead
from orchestration_svc.adapters.hedged_call import HedgedCalls
from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    ReadyState,
)
from orchestration_svc.domain.detector_breaker import Breaker, BreakerRule, BreakerState

PROBES_TO_BE_OUT = 2
"""How many probes in a row must fail until a detector is asked no more."""
# What the detector's server answered to a text it did not like, or what never reached it.
_SAYS_NOTHING = frozenset(
    {
        FailureReason.REFUSED,
        FailureReason.QUEUED_TOO_LONG,
        FailureReason.TOO_MANY_CALLS,
        FailureReason.STARTING,
        FailureReason.STOPPED,
        FailureReason.NOT_LOADED,
        FailureReason.CONTENT_TYPE_NOT_SUPPORTED,
    }
)
_AGAIN_AFTER_S = (0.02, 0.07)
"""How long is waited before the second try, in seconds: something between the two."""
_LATE_S = 0.1
_WELL = {state: DetectorHealth(ReadyState.READY, breaker=state.value) for state in BreakerState}
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Containment:
    """How much of a detector's trouble is borne.

    Attributes:
        max_concurrency: calls under way at once.
        retries: how often a call whose connection broke is made again, within its time.
        breaker: when it is left alone.
    """

    max_concurrency: int = 32
    retries: int = 1
    breaker: BreakerRule = field(default_factory=BreakerRule)


class ContainmentEvents(Protocol):
    """Hears how detectors are, for metrics."""

    def breaker_state(self, detector: str, state: str) -> None:
        """A detector's breaker changed to ``closed``, ``open`` or ``half_open``."""
        ...

    def detector_health(self, detector: str, *, healthy: bool) -> None:
        """A detector can or cannot be asked."""
        ...

    def health_check(self, detector: str, milliseconds: float) -> None:
        """A probe of a detector ended."""
        ...

    def hedged(self, detector: str, outcome: str) -> None:
        """A detector's answer was late; ``outcome`` is as in `HedgedCalls`."""
        ...


class ContainedDetector:
    """Implements `Detector` around another.

    Args:
        inner: does the work.
        containment: the limits.
        events: hears of changes.
        check: asks whether it is well; None where only calls and its own word tell.
        label: names it in metrics, where several tenants may have detectors of one name.
        has_room: whether a second, hedged call would be looked at now.
    """

    def __init__(
        self,
        inner: Detector,
        containment: Containment,
        events: ContainmentEvents,
        *,
        check: Check | None = None,
        label: str = "",
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._inner = inner
        self._events = events
        self._check = check
        self._label = label or inner.info.name
        self._retries = containment.retries
        self._bulkhead = Bulkhead(containment.max_concurrency)
        self._hedged = self._hedges(has_room) if inner.info.hedge_after_ms else None
        self._is_remote = inner.info.kind is not DetectorKind.PROCESS
        self._failed_probes = 0
        self._sick: FailureReason | None = None
        self._breaker = Breaker(containment.breaker, on_state=self._breaker_changed)
        self._breaker_changed(BreakerState.CLOSED)

    @property
    def info(self) -> DetectorInfo:
        """What the detector is."""
        return self._inner.info

    @property
    def breaker(self) -> Breaker:
        """Its breaker."""
        return self._breaker

    @property
    def label(self) -> str:
        """Its name in metrics."""
        return self._label

    def health(self) -> DetectorHealth:
        """Whether it would be asked now: a process says so itself, of others probes and calls tell."""
        state = self._breaker.state
        if self._is_remote and self._sick is None and state is not BreakerState.OPEN:
            return _WELL[state]
        own = DetectorHealth(ReadyState.READY) if self._is_remote else self._inner.health()
        if own.state is ReadyState.READY and self._sick is not None:
            own = replace(own, state=ReadyState.UNAVAILABLE, reason=self._sick)
        elif own.state is ReadyState.READY and state is BreakerState.OPEN:
            own = replace(own, state=ReadyState.UNAVAILABLE, reason=FailureReason.CIRCUIT_OPEN)
        return replace(own, breaker=state.value)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Look at one text, if the detector is fit to.

        Raises:
            DetectorFault: unavailable or circuit_open without a call; otherwise as the detector says.
        """
        if self._sick is not None:
            raise DetectorFault(DetectorStatus.UNAVAILABLE, self._sick)
        ticket = self._breaker.admit()
        if ticket is None:
            raise DetectorFault(DetectorStatus.CIRCUIT_OPEN, FailureReason.CIRCUIT_OPEN)
        deadline = asyncio.get_running_loop().time() + timeout_s
        outcome: bool | None = None
        try:
            await self._bulkhead.enter(deadline)
            said = await self._in_slot(text, deadline, context)
            outcome = True
        except DetectorFault as fault:
            late_s = asyncio.get_running_loop().time() - deadline
            outcome = False if self._blames_detector(fault, timeout_s, late_s) else None
            raise
        except Exception:
            outcome = False
            raise
        finally:
            ticket.end(outcome)
        return said

    async def probe(self, timeout_s: float) -> bool:
        """Ask whether it is well, and remember; True when it is. What could not be asked changes nothing.

        While the breaker is half open, the probe is one of the calls that decide.
        """
        started = asyncio.get_running_loop().time()
        ticket = self._breaker.admit() if self._breaker.state is BreakerState.HALF_OPEN else None
        reason: FailureReason | None = None
        try:
            reason = await self._examine(timeout_s)
        finally:
            if ticket is not None:
                ticket.end(None if reason is FailureReason.TOO_MANY_CALLS else reason is None)
        if reason is FailureReason.TOO_MANY_CALLS:
            return False  # there was no room here to ask it anything
        spent = asyncio.get_running_loop().time() - started
        self._events.health_check(self._label, spent * 1000)
        self._failed_probes = 0 if reason is None else self._failed_probes + 1
        if reason is None:
            self._sick = None
            if self._check is not None:  # else nobody asked it anything
                self._breaker.found_well()
        elif self._failed_probes >= PROBES_TO_BE_OUT:
            self._sick = reason
        self._tell_health()
        return reason is None

    async def _examine(self, timeout_s: float) -> FailureReason | None:
        """Return why it is not well, None when it is."""
        if self._check is None:
            own = self._inner.health()
            fit = own.state is not ReadyState.UNAVAILABLE or self.info.kind is not DetectorKind.PROCESS
            return None if fit else own.reason or FailureReason.NOT_LOADED
        try:
            async with asyncio.timeout(timeout_s):
                await self._check()
        except TimeoutError:
            return FailureReason.RAN_TOO_LONG
        except DetectorFault as fault:
            return fault.reason
        return None

    def _hedges(self, has_room: Callable[[], bool]) -> HedgedCalls:
        return HedgedCalls(
            self._inner.info.hedge_after_ms / 1000,
            self._bulkhead,
            told=lambda outcome: self._events.hedged(self._label, outcome),
            has_room=has_room,
        )

    async def _in_slot(self, text: str, deadline: float, context: CallContext) -> DetectorOutput:
        """Ask, and give the slot back that was taken for it."""
        well = self._breaker.state is BreakerState.CLOSED  # else each call is one of a few that try it
        if self._hedged is not None and well and context.is_awaited:
            return await self._hedged.ask(
                lambda: self._ask(text, deadline, context), lambda: self._attempt(text, deadline, context)
            )
        try:
            return await self._ask(text, deadline, context)
        finally:
            self._bulkhead.leave()

    async def _ask(self, text: str, deadline: float, context: CallContext) -> DetectorOutput:
        try:
            return await self._attempt(text, deadline, context)
        except DetectorFault as fault:
            if not self._retries or not _broke_off(fault):
                raise
        # To look at a text changes nothing on the other side, so a call that broke off can be made again. One
        # that took too long is not: the server may be at it still, and there is no time left.
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(random.uniform(*_AGAIN_AFTER_S))  # noqa: S311 - no secret
        attempts = stamina.retry_context(
            on=_broke_off,
            attempts=self._retries,
            timeout=max(0.001, deadline - clock()),
            wait_initial=2 * _AGAIN_AFTER_S[0],
            wait_max=0.25,
            wait_jitter=0.05,
        )
        async for attempt in attempts:
            with attempt:
                return await self._attempt(text, deadline, context)
        raise DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)

    async def _attempt(self, text: str, deadline: float, context: CallContext) -> DetectorOutput:
        left = deadline - asyncio.get_running_loop().time()
        return await self._inner.detect(text, timeout_s=max(0.001, left), context=context)

    def _blames_detector(self, fault: DetectorFault, timeout_s: float, late_s: float) -> bool:
        """Whether a fault is the detector's, and not the text's, the caller's haste or the load's."""
        if fault.reason in _SAYS_NOTHING:
            return False
        if self.info.kind is DetectorKind.PROCESS:
            # Its supervisor replaces what hangs; long texts must not take it away from everybody.
            return fault.reason is FailureReason.WORKER_DIED
        if fault.status is DetectorStatus.TIMEOUT:
            # Told of it so late, this process had no time to read an answer that may well have been there.
            return timeout_s * 1000 >= self.info.timeout_ms and late_s < _LATE_S
        return True

    def _breaker_changed(self, state: BreakerState) -> None:
        self._events.breaker_state(self._label, state.value)
        self._tell_health()

    def _tell_health(self) -> None:
        self._events.detector_health(self._label, healthy=self.health().state is ReadyState.READY)


def _broke_off(error: Exception) -> bool:
    return isinstance(error, DetectorFault) and error.reason is FailureReason.UNREACHABLE
