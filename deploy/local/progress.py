"""What the person at the terminal sees: one line for each step, with its time."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_CODES = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}


class Progress:
    """Writes lines to a stream; coloured on a terminal, plain elsewhere and where NO_COLOR is set."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = terminal
        self._colour = terminal and not os.environ.get("NO_COLOR")

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in a colour, or as it is where there are none."""
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self._colour else text

    def line(self, text: str = "") -> None:
        """Write one line at once. A terminal that is gone is no reason to fail."""
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (BrokenPipeError, OSError):
            # Closed terminal: the stack must still be stopped in order, only there is nobody to tell.
            self._stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the rest of the run

    def event(self, text: str, *, colour: str = "yellow") -> None:
        """Write what just happened, with the time of day."""
        self.line(f"{self.paint(time.strftime('%H:%M:%S'), 'dim')} {self.paint(text, colour)}")

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Show a step and how long it took. What the block appends to the list is added to the line."""
        started = time.monotonic()
        notes: list[str] = []
        if self._live:
            self._stream.write(f"  {self.paint('…', 'dim')} {what}")
            self._stream.flush()
        try:
            yield notes
        except BaseException:
            self._finish(self.paint("✗", "red"), what, started, notes)
            raise
        self._finish(self.paint("✓", "green"), what, started, notes)

    def _finish(self, mark: str, what: str, started: float, notes: list[str]) -> None:
        took = self.paint(f"{time.monotonic() - started:5.1f} s", "dim")
        rest = f"  {self.paint('; '.join(notes), 'dim')}" if notes else ""
        start = "\r\033[2K" if self._live else ""
        self.line(f"{start}  {mark} {what:<44} {took}{rest}")
