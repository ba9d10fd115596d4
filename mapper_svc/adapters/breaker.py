"""Leaves a server alone that keeps failing, and tries it again after a while."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.messages import Event
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import OpenedState

T = TypeVar("T")


class BreakerOpenError(Exception):
    """The call was not made: too many before it failed."""


class Breaker:
    """Opens after so many failures in a row, and lets calls through again `open_s` seconds later.

    The first calls after that decide: a success closes it, a failure opens it again.

    Args:
        name: of what it protects.
        failures: how many in a row open it.
        open_s: how long it stays open, in seconds.
        counted: the exception that is a failure; others pass as they are and say nothing of the server.
        on_state: told ``closed``, ``opened`` or ``half-opened`` at each change.
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int,
        open_s: float,
        counted: type[Exception],
        on_state: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._breakers = AsyncCircuitBreakerFactory(
            default_threshold=failures,
            default_ttl=open_s,
            exclude=[(BaseException, lambda error: not isinstance(error, counted))],
        )
        self._on_state = on_state
        self._breakers.add_listener(self._tell)

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work unless the breaker is open.

        Raises:
            BreakerOpenError: it is open.
        """
        breaker = await self._breakers.get_breaker(self._name)
        try:
            async with breaker:
                return await work()
        except OpenedState as opened:
            # One object for as long as it is open: each raise would add the frames of another request to it.
            opened.__traceback__ = None
            raise BreakerOpenError from None

    def _tell(self, _: str, __: str, event: Event) -> None:
        if isinstance(event, ContextChanged):
            self._on_state(event.state)
