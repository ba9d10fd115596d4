"""Leaves a detector alone that keeps failing, and lets a few calls try it again after a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens and closes.

    Attributes:
        failures: how many in a row open it.
        open_s: how long it stays open at most, in seconds.
        rest_s: how long it stays open at least, in seconds, though a probe finds the detector well. It
            doubles with each relapse, one within `open_s` of closing, and never is longer than that.
        trials: calls that may be under way while half open, and how many must succeed to close it.
    """

    failures: int = 5
    open_s: float = 60.0
    rest_s: float = 2.0
    trials: int = 3


class Ticket:
    """Leave to make one call; its holder tells once how that ended."""

    def __init__(self, told: Callable[[bool | None], None]) -> None:
        self._told: Callable[[bool | None], None] | None = told

    def end(self, good: bool | None) -> None:  # noqa: FBT001 - the outcome is the message
        """Tell the outcome: True a success, False a failure, None what says nothing of the detector."""
        told, self._told = self._told, None
        if told is not None:
            told(good)


class Breaker:
    """Closed, open, half open.

    Args:
        rule: its numbers.
        clock: seconds that never go back.
        on_state: told each state that it changes to.
    """

    def __init__(
        self,
        rule: BreakerRule | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_state: Callable[[BreakerState], None] = lambda _: None,
    ) -> None:
        self._rule = rule or BreakerRule()
        self._clock = clock
        self._on_state = on_state
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._opened_at = 0.0
        self._closed_at = float("-inf")
        self._rest_s = self._rule.rest_s
        self._trials = 0
        self._successes = 0
        # What a call says that began in an earlier state is of no account in this one.
        self._round = 0

    @property
    def state(self) -> BreakerState:
        """The state as of now."""
        due = self._state is BreakerState.OPEN and self._clock() - self._opened_at >= self._rule.open_s
        if due:
            self._change(BreakerState.HALF_OPEN)
        return self._state

    @property
    def opens_in_s(self) -> float:
        """Seconds until an open breaker lets a call through; 0 when it does."""
        if self.state is not BreakerState.OPEN:
            return 0.0
        return max(0.0, self._rule.open_s - (self._clock() - self._opened_at))

    def found_well(self) -> None:
        """Take it that a probe found the detector well: calls may try it, once it has rested.

        Else an outage of a second would cost a minute, and a few of them every detector there is.
        """
        if self.state is BreakerState.OPEN and self._clock() - self._opened_at >= self._rest_s:
            self._change(BreakerState.HALF_OPEN)

    def admit(self) -> Ticket | None:
        """Return leave to make a call, or None when it may not be made."""
        state = self.state
        if state is BreakerState.OPEN:
            return None
        trial = state is BreakerState.HALF_OPEN
        if trial:
            if self._trials >= self._rule.trials:
                return None
            self._trials += 1
        begun = self._round
        return Ticket(lambda good: self._ended(good, begun))

    def _ended(self, good: bool | None, begun: int) -> None:  # noqa: FBT001 - as in `Ticket.end`
        if begun != self._round:
            return
        if self._state is BreakerState.HALF_OPEN:
            self._trials -= 1
            if good is False:
                self._open()
            elif good:
                self._successes += 1
                if self._successes >= self._rule.trials:
                    self._change(BreakerState.CLOSED)
        elif good:
            self._failures = 0
        elif good is False:
            self._failures += 1
            if self._failures >= self._rule.failures:
                self._open()

    def _open(self) -> None:
        now, rule = self._clock(), self._rule
        relapsed = self._state is BreakerState.HALF_OPEN or now - self._closed_at < rule.open_s
        self._rest_s = min(rule.open_s, 2 * self._rest_s) if relapsed else min(rule.rest_s, rule.open_s)
        self._opened_at = now
        self._change(BreakerState.OPEN)

    def _change(self, state: BreakerState) -> None:
        if state is BreakerState.CLOSED:
            self._closed_at = self._clock()
        self._state = state
        self._failures = self._trials = self._successes = 0
        self._round += 1
        self._on_state(state)
