"""The FMS detector and orchestrator APIs over the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.api.orchestrate_wire import Name
from orchestration_svc.domain.look_at_texts import TEXTS_MAX


class DetectorParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``threshold`` is the least risk of a finding that is told; absent, it is the tenant's."""

    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None


class ContentsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts for one detector."""

    contents: Annotated[list[str], Meta(min_length=1, max_length=TEXTS_MAX)]
    detector_params: DetectorParams = msgspec.field(default_factory=DetectorParams)


class ContentDetection(msgspec.Struct, frozen=True):
    """A finding; ``detection`` is the detector's label, ``detection_type`` the canonical one."""

    start: int
    end: int
    text: str
    detection: str
    detection_type: str
    score: float


class DetectionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text for several detectors."""

    content: str
    detectors: Annotated[dict[Name, DetectorParams], Meta(min_length=1, max_length=64)]


class OrchestratorDetection(msgspec.Struct, frozen=True):
    """A finding; ``detector_id`` says by which of the detectors that were asked for."""

    start: int
    end: int
    text: str
    detection: str
    detection_type: str
    detector_id: str
    score: float


class DetectionAnswer(msgspec.Struct, frozen=True):
    """Findings by place."""

    detections: list[OrchestratorDetection]
