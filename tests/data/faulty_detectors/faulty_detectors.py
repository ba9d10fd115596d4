"""Detectors that go wrong in every way that a worker process must survive."""

import os
import time

from orchestration_svc.domain.detection import DetectorOutput


class Obedient:
    """Does what the text says."""

    name = "obedient"
    vendor = "obedient"
    version = "1"
    content_types = frozenset({"text/plain"})
    timeout_ms = 1_000

    def load(self) -> None:
        pass

    def detect(self, text: str) -> DetectorOutput:
        order, _, argument = text.partition(" ")
        if order == "sleep":
            time.sleep(float(argument))
        elif order == "spin":
            while True:
                pass
        elif order == "exit":
            os._exit(3)
        elif order == "raise":
            raise ValueError(text)
        elif order == "print":
            print(text, flush=True)  # noqa: T201 - a library that prints is what is tried
            os.write(1, text.encode())
        elif order == "env":
            return DetectorOutput(sorted(os.environ))
        elif order == "object":
            return DetectorOutput(object())
        return DetectorOutput({"label": "safe", "length": len(text)}, 1.0)


class NotLoading(Obedient):
    """Its model is missing."""

    def load(self) -> None:
        raise FileNotFoundError("model.bin is missing")


class DyingWhileLoading(Obedient):
    """Its library crashes the process."""

    def load(self) -> None:
        os._exit(7)


class NeverLoading(Obedient):
    """Its model takes for ever."""

    def load(self) -> None:
        time.sleep(600)


class Windowed(Obedient):
    """Looks at a text one ``;`` after the other, and does what each part says."""

    name = "windowed"
    timeout_ms = 10_000

    def windows(self, text: str) -> list[str]:
        return text.split(";")

    def look(self, text: str, window: str) -> object:
        del text
        return self.detect(window).output

    def join(self, text: str, seen: list[dict[str, object]]) -> DetectorOutput:
        return DetectorOutput({"label": "safe", "length": len(text), "windows": len(seen)}, 1.0)


class NoDetector:
    """Has none of the attributes."""
