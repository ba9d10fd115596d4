"""What happens to the programs while the stack is up, read from the supervisor's own log as it grows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PATTERNS = {
    "died": re.compile(r"exited: (?P<name>\S+) \((?P<reason>.*?)(?:; (?:not )?expected)?\)"),
    "gave up": re.compile(r"gave up: (?P<name>\S+) (?P<reason>.*)"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: kind is "died" or "gave up"; reason is the supervisor's word."""

    kind: str
    program: str
    reason: str


def read_event(line: str) -> Event | None:
    """Return what a line of the supervisor's log tells, if it is worth telling."""
    for kind, pattern in _PATTERNS.items():
        if match := pattern.search(line):
            return Event(kind, match["name"], match["reason"])
    return None


class EventLog:
    """Reads on from where it last stopped; begins at the end of what is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def read(self) -> Iterator[Event]:
        """Yield the events of the whole lines that were added since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            added = self._rest + file.read()
            self._position = file.tell()
        *lines, self._rest = added.split(b"\n")
        for line in lines:
            if event := read_event(line.decode(errors="replace")):
                yield event
