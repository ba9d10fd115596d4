from collections.abc import Callable, Iterable

from mapper_svc.domain.parsers.typed_fields import maybe_number
from mapper_svc.domain.signals import MalformedError, Reading, Signal


class Collected:
    """Gathers what a payload says part by part, so that one broken part does not lose the others."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.flagged = False
        self._broken: dict[str, None] = {}

    def add(self, signal: Signal) -> None:
        """Notes a label."""
        self.signals.append(signal)

    def broken(self, reason: str) -> None:
        """Notes that a part could not be read; the reading is then never clean."""
        self._broken[reason] = None

    def number(self, value: object, what: str) -> float | None:
        """Returns a number, or None; what is there and is none is noted as broken.

        For an entry that is a finding whatever its number says: the number is lost, the finding is not.
        """
        try:
            return maybe_number(value, what)
        except MalformedError as fault:
            self.broken(str(fault))
            return None

    def each(self, entries: Iterable[object], read: Callable[[object], Signal | None]) -> None:
        """Reads entries one by one; a malformed one is noted as broken and the rest go on."""
        for entry in entries:
            try:
                signal = read(entry)
            except MalformedError as fault:
                self.broken(str(fault))
            else:
                if signal is not None:
                    self.add(signal)

    def part(self, read: Callable[[], None]) -> None:
        """Reads one part; what is malformed in it is noted as broken."""
        try:
            read()
        except MalformedError as fault:
            self.broken(str(fault))

    def join(self, reading: Reading) -> None:
        """Adds what another reading says."""
        self.signals.extend(reading.signals)
        self.flagged = self.flagged or reading.flagged
        for reason in reading.broken:
            self.broken(reason)

    def reading(self) -> Reading:
        """Returns all that was gathered."""
        return Reading(tuple(self.signals), flagged=self.flagged, broken=tuple(self._broken))
