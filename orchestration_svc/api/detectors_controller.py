"""GET /api/v1/detectors: what is installed and how it is."""

import msgspec
from litestar import Controller, get

from orchestration_svc.api.guards import requires
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.problems import faults
from orchestration_svc.domain.detection import DetectorDirectory, DetectorKind, FailureReason, ReadyState


class DetectorOut(msgspec.Struct, frozen=True):
    """One detector. ``reason`` says why it is not ready."""

    name: str
    vendor: str
    version: str
    kind: DetectorKind
    content_types: list[str]
    timeout_ms: int
    state: ReadyState
    reason: FailureReason | None
    restarts: int


class DetectorList(msgspec.Struct, frozen=True):
    """Every installed detector by name, those that cannot run included."""

    detectors: list[DetectorOut]


class DetectorsController(Controller):
    """The installed detectors."""

    path = "/api/v1/detectors"
    tags = ("detectors",)
    guards = (requires("detectors:read"),)

    @get("/", summary="List detectors", responses=faults())
    async def list_detectors(self, directory: Injected[DetectorDirectory]) -> DetectorList:
        """Answer each detector's version and state."""
        found = []
        for detector in directory.all():
            info, health = detector.info, detector.health()
            found.append(
                DetectorOut(
                    name=info.name,
                    vendor=info.vendor,
                    version=info.version,
                    kind=info.kind,
                    content_types=sorted(info.content_types),
                    timeout_ms=info.timeout_ms,
                    state=health.state,
                    reason=health.reason,
                    restarts=health.restarts,
                )
            )
        return DetectorList(found)
