"""All detectors that requests may be answered by: installed, configured, shared and a tenant's own."""

import random
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from orchestration_svc.adapters.kept_registrations import KeptRegistrations, RunningVersion
from orchestration_svc.adapters.remote_detector import BrokenDetector
from orchestration_svc.adapters.shadowed_detector import ShadowedDetector, ShadowEvents
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.detection import Detector, DetectorDirectory, FailureReason
from orchestration_svc.domain.detector_registration import REGISTRY
from orchestration_svc.domain.detector_split import Arm, draw_arm

_TOGETHER_MAX = 1_000
_Layers = tuple[tuple[RunningVersion, ...] | None, ...]


@dataclass(frozen=True, slots=True)
class NamedDetector:
    """One name and the versions behind it."""

    arms: tuple[Arm[Detector], ...]
    shadow: Detector | None = None

    def drawn(self, draw: float) -> Detector | None:
        """Return the version that answers for a draw from [0, 1)."""
        if len(self.arms) == 1 and self.arms[0].weight:
            return self.arms[0].carries
        arm = draw_arm(self.arms, draw)
        return None if arm is None else arm.carries


class TenantDirectory:
    """Implements `DetectorDirectory` for one request: of several versions it holds the drawn one.

    Args:
        named: the detectors by name, sorted by it.
        draw: from [0, 1).
        beside: makes a version that is asked with its shadow.
        again: the directory that it was made of.
    """

    def __init__(
        self,
        named: Mapping[str, NamedDetector],
        draw: float,
        beside: Callable[[str, Detector, Detector], Detector],
        again: "LiveDirectory",
    ) -> None:
        self._named = named
        self._draw = draw
        self._beside = beside
        self._again = again
        self._chosen: dict[str, Detector] | None = None

    async def of(self, tenant_id: UUID) -> DetectorDirectory:
        """Return another tenant's, or this one's with another draw."""
        return await self._again.of(tenant_id)

    def get(self, name: str) -> Detector | None:
        """Return the version of that detector that answers this request."""
        return self._answering().get(name)

    def all(self) -> Sequence[Detector]:
        """Return all of them by name."""
        return list(self._answering().values())

    def _answering(self) -> dict[str, Detector]:
        if self._chosen is None:
            self._chosen = {}
            for name, named in self._named.items():
                drawn = named.drawn(self._draw)
                if drawn is not None and named.shadow is not None and named.shadow is not drawn:
                    drawn = self._beside(name, drawn, named.shadow)
                if drawn is not None:
                    self._chosen[name] = drawn
        return self._chosen


class LiveDirectory:
    """Implements `DetectorDirectory` for everybody.

    A tenant's own detector goes before a shared one of the same name, which can only come about when the
    shared one was registered later.

    Args:
        installed: those that came with the service or its settings.
        kept: those that were registered.
        shadows: holds calls of shadow versions.
        events: hears how those ended.
    """

    def __init__(
        self,
        installed: DetectorDirectory,
        kept: KeptRegistrations,
        shadows: BackgroundWork,
        events: ShadowEvents,
    ) -> None:
        self._installed = installed
        self._kept = kept
        self._shadows = shadows
        self._events = events
        # The drawn share is no secret; it only has to be even.
        self._random = random.Random()  # noqa: S311
        # What the detectors of each tenant were put together from, and what came of it.
        self._together: OrderedDict[UUID, tuple[_Layers, dict[str, NamedDetector]]] = OrderedDict()

    async def of(self, tenant_id: UUID) -> DetectorDirectory:
        """Return the tenant's detectors. What could not be read is stood for by `REGISTRY`, which fails."""
        layers: _Layers = (await self._kept.of(OPERATOR_TENANT_ID),)
        if tenant_id != OPERATOR_TENANT_ID:
            layers += (await self._kept.of(tenant_id),)
        named = self._named(tenant_id, layers)
        return TenantDirectory(named, self._random.random(), self._beside, self)

    def _named(self, tenant_id: UUID, layers: "_Layers") -> dict[str, NamedDetector]:
        before = self._together.get(tenant_id)
        # A reading makes its versions anew, so the very same ones are what they were.
        if before is not None and before[0][0] is layers[0] and before[0][-1] is layers[-1]:
            self._together.move_to_end(tenant_id)
            return before[1]
        named = {one.info.name: NamedDetector((Arm("", 1, one),)) for one in self._installed.all()}
        for versions in layers:
            if versions is None:
                named[REGISTRY] = NamedDetector((Arm("", 1, _UNREAD),))
            else:
                _add(named, versions)
        named = dict(sorted(named.items()))
        self._together[tenant_id] = (layers, named)
        if len(self._together) > _TOGETHER_MAX:
            self._together.popitem(last=False)
        return named

    def get(self, name: str) -> Detector | None:
        """Return the installed or configured detector of that name."""
        return self._installed.get(name)

    def all(self) -> Sequence[Detector]:
        """Return the installed and configured ones by name."""
        return self._installed.all()

    def _beside(self, name: str, answering: Detector, shadow: Detector) -> Detector:
        return ShadowedDetector(answering, shadow, self._shadows, self._events, label=name)


def _add(named: dict[str, NamedDetector], versions: Sequence[RunningVersion]) -> None:
    own: dict[str, NamedDetector] = {}
    for one in versions:
        registration, detector = one.registration, one.detector
        if detector is None:
            if not registration.enabled:
                named.pop(registration.name, None)
            continue
        if not registration.enabled:
            continue
        before = own.get(registration.name, NamedDetector(()))
        arm: Arm[Detector] = Arm(registration.version, registration.weight, detector)
        made = replace(before, arms=(*before.arms, arm))
        own[registration.name] = replace(made, shadow=detector) if registration.shadow else made
    named.update(own)


_UNREAD = BrokenDetector(
    REGISTRY,
    "the registered detectors could not be read",
    reason=FailureReason.REGISTRY_UNREAD,
)
