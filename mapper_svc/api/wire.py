"""What goes over the wire: requests are checked here, answers take their shape here."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mapper_svc.domain.findings import MapResult, Tier
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Share = Annotated[float, Meta(ge=0, le=1)]


class ProvenanceIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one detector of an orchestrated request said."""

    detector: Name
    output: object
    vendor: Name | None = None
    version: Name | None = None
    confidence: Share | None = None
    processing_time_ms: Annotated[float, Meta(ge=0)] | None = None


class MetadataIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the output came about."""

    contributing_detectors: Annotated[list[Name], Meta(max_length=256)] = []
    provenance: Annotated[list[ProvenanceIn], Meta(max_length=256)] = []
    aggregation_method: Name | None = None
    coverage_achieved: Share | None = None
    conflict_resolution_applied: bool | Name | None = None


class MapRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One hand-over: what a detector said, never the content it looked at.

    ``detector`` is a vendor's id or alias; ``output`` a bare label, the vendor's whole native answer, or
    ``{"label": …, "score": …}``. With ``metadata.provenance`` each entry is mapped by itself instead.
    """

    detector: Name
    output: object = None
    metadata: MetadataIn | None = None


class MapBatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 100 hand-overs."""

    items: Annotated[list[MapRequest], Meta(min_length=1, max_length=100)]


class RawOut(msgspec.Struct, frozen=True):
    """What the detector said, in its own words."""

    detector: str
    label: str


class VersionInfoOut(msgspec.Struct, frozen=True):
    """The editions behind an answer."""

    taxonomy: str
    frameworks: str | None
    model: str | None


class FindingProvenanceOut(msgspec.Struct, frozen=True):
    """Where a finding comes from."""

    vendor: str | None
    detector: str
    detector_version: str | None
    model: str | None
    adapter: str | None
    taxonomy: str
    ts: datetime


class FindingOut(msgspec.Struct, frozen=True):
    """One canonical finding. ``scores`` are risks in [0, 1]; ``confidence`` is that of the mapping."""

    taxonomy: list[str]
    scores: dict[str, float]
    confidence: float
    tier: Tier
    raw: RawOut
    occurrences: int
    notes: str
    provenance: FindingProvenanceOut
    version_info: VersionInfoOut


class MapAnswer(msgspec.Struct, frozen=True):
    """At least one finding for each detector; ``OTHER.Safe`` when it found nothing.

    ``mapping_version`` is that of GET /api/v1/map/version; null for an answer that is not to be kept.
    """

    findings: list[FindingOut]
    fallback_used: bool
    version_info: VersionInfoOut
    mapping_version: str | None


class MappingVersionOut(msgspec.Struct, frozen=True):
    """What the caller's tenant is answered with now; null while that is not known.

    It changes with the release, the taxonomy and the vendors' tables, with plugins, with the settings of the
    tenant and with the version of the model that serves it, a canary's included.
    """

    mapping_version: str | None


class MapBatchAnswer(msgspec.Struct, frozen=True):
    """One answer for each item, in order."""

    results: list[MapAnswer]


class LabelOut(msgspec.Struct, frozen=True):
    """A canonical label."""

    label: str
    pillar: str
    meaning: str
    severity: float


class TaxonomyOut(msgspec.Struct, frozen=True):
    """One edition of the taxonomy."""

    edition: str
    content_hash: str
    labels: list[LabelOut]


class TaxonomyVersionsOut(msgspec.Struct, frozen=True):
    """Editions that this service knows."""

    active: str
    editions: list[str]


def payload_of(request: MapRequest) -> MapperPayload:
    """Turn a checked request into the domain's payload."""
    metadata = request.metadata or MetadataIn()
    return MapperPayload(
        detector=request.detector,
        output=request.output,
        provenance=tuple(
            ProvenanceEntry(
                detector=entry.detector,
                output=entry.output,
                vendor=entry.vendor,
                version=entry.version,
                confidence=entry.confidence,
                processing_time_ms=entry.processing_time_ms,
            )
            for entry in metadata.provenance
        ),
        contributing_detectors=tuple(metadata.contributing_detectors),
        aggregation_method=metadata.aggregation_method,
        coverage_achieved=metadata.coverage_achieved,
        conflict_resolution_applied=metadata.conflict_resolution_applied,
    )


def answer_of(result: MapResult) -> MapAnswer:
    """Turn the domain's result into the answer."""
    return msgspec.convert(result, MapAnswer, from_attributes=True)
