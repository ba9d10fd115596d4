"""Ctrl-C, SIGTERM and the end of the terminal, all as one exception in the main thread."""

import signal
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest(BaseException):
    """Somebody asked us to end; no failure, so nothing that handles failures may catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = signal.Signals(number).name


def raise_on_request() -> None:
    """From now on a request to end raises StopRequest, wherever the main thread is."""
    for ending in ENDINGS:
        signal.signal(ending, _raise)


def ignore_requests() -> None:
    """From now on requests to end change nothing: the end is under way, and its waits are bounded."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)


def _raise(number: int, _frame: FrameType | None) -> None:
    ignore_requests()
    raise StopRequest(number)
