"""A version that answers, with another that is only asked the same beside it."""

from dataclasses import replace
from typing import Protocol

from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorOutput,
    JsonValue,
)


class ShadowEvents(Protocol):
    """Counts what shadow runs showed."""

    def shadow_run(self, detector: str, outcome: str) -> None:
        """One ended: ``same``, ``different``, ``failed`` or ``skipped``."""
        ...


class ShadowedDetector:
    """Answers as the first and compares with the second; nothing of that is in the answer or waited for.

    Args:
        answering: the version that answers.
        shadow: the version that is asked beside it.
        work: holds the shadow's calls; when it is full, they are left out.
        events: hears how they ended.
        label: names the detector in metrics.
    """

    def __init__(
        self, answering: Detector, shadow: Detector, work: BackgroundWork, events: ShadowEvents, *, label: str
    ) -> None:
        self._answering = answering
        self._shadow = shadow
        self._work = work
        self._events = events
        self._label = label

    @property
    def info(self) -> DetectorInfo:
        """Of the version that answers."""
        return self._answering.info

    def health(self) -> DetectorHealth:
        """Of the version that answers."""
        return self._answering.health()

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Answer as the answering version does.

        Raises:
            DetectorFault: as the answering version does.
        """
        said = await self._answering.detect(text, timeout_s=timeout_s, context=context)
        if self._work.start(self._compare(text, said, context)) is None:
            self._events.shadow_run(self._label, "skipped")
        return said

    async def _compare(self, text: str, said: DetectorOutput, context: CallContext) -> None:
        timeout_s = self._shadow.info.timeout_ms / 1000
        try:
            unawaited = replace(context, is_awaited=False)
            other = await self._shadow.detect(text, timeout_s=timeout_s, context=unawaited)
        except DetectorFault:
            self._events.shadow_run(self._label, "failed")
            return
        same = labels_in(said.output) == labels_in(other.output)
        self._events.shadow_run(self._label, "same" if same else "different")


def labels_in(output: JsonValue) -> frozenset[str]:
    """Return all that an output names: every string in it, and the name of everything that is true.

    Scores differ between any two versions; what they find should not.
    """
    found: set[str] = set()
    waiting = [output]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            found |= {name for name, part in value.items() if part is True}
            waiting += value.values()
    return frozenset(found)
