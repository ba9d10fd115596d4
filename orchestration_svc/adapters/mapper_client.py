"""mapper_svc over HTTP: this service's own reading of its contract."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from orchestration_svc.adapters.downstream_call import DownstreamCall
from orchestration_svc.domain.downstream import DownstreamError, MappedFinding, MapperAnswer
from orchestration_svc.domain.handover import MapperPayload

_MAX_BATCH = 100


class ProvenanceOut(msgspec.Struct, frozen=True):
    """What one detector said."""

    detector: str
    output: object
    vendor: str
    version: str
    confidence: float | None
    processing_time_ms: float


class MetadataOut(msgspec.Struct, frozen=True):
    """How the output came about."""

    contributing_detectors: list[str]
    provenance: list[ProvenanceOut]
    aggregation_method: str
    coverage_achieved: float


class PayloadOut(msgspec.Struct, frozen=True):
    """MapperPayload; ``output`` is null because each provenance entry carries its own."""

    detector: str
    metadata: MetadataOut
    output: None = None


class BatchOut(msgspec.Struct, frozen=True):
    """Several payloads of one request."""

    items: list[PayloadOut]


_Share = Annotated[float, Meta(ge=0, le=1)]


class _Raw(msgspec.Struct, frozen=True):
    detector: str
    label: str = ""


class _Finding(msgspec.Struct, frozen=True):
    taxonomy: Annotated[list[str], Meta(min_length=1)]
    scores: dict[str, _Share]
    confidence: _Share
    tier: str
    raw: _Raw
    occurrences: Annotated[int, Meta(ge=1)]

    def __post_init__(self) -> None:
        # A label without its risk would otherwise have to be taken for harmless.
        if unscored := set(self.taxonomy) - self.scores.keys():
            raise ValueError(f"no score for {len(unscored)} labels")


class _Answer(msgspec.Struct, frozen=True):
    # The mapper says OTHER.Safe when nothing was found; no finding at all says nothing.
    findings: Annotated[list[_Finding], Meta(min_length=1)]
    fallback_used: bool
    mapping_version: str | None = None  # an older mapper says nothing of it


class _VersionAnswer(msgspec.Struct, frozen=True):
    mapping_version: str | None


class _BatchAnswer(msgspec.Struct, frozen=True):
    results: list[_Answer]


class HttpMapperClient:
    """Sends one payload to /map, several to /map/batch, and puts the answers together."""

    def __init__(self, call: DownstreamCall) -> None:
        self._call = call

    async def map(
        self, payloads: Sequence[MapperPayload], *, tenant_id: UUID, timeout_s: float
    ) -> MapperAnswer:
        """Map the payloads in one call; raises DownstreamError with the reason when it cannot."""
        bodies = [payload_out(payload) for payload in payloads]
        if len(bodies) == 1:
            answer, raw = await self._call.post(
                "/api/v1/map", bodies[0], _Answer, tenant_id=tenant_id, timeout_s=timeout_s
            )
            return _read([answer], raw)
        if len(bodies) > _MAX_BATCH:
            raise DownstreamError("refused")
        batch, raw = await self._call.post(
            "/api/v1/map/batch", BatchOut(bodies), _BatchAnswer, tenant_id=tenant_id, timeout_s=timeout_s
        )
        if len(batch.results) != len(bodies):
            raise DownstreamError("unusable_answer")
        return _read(batch.results, _joined(raw))

    async def mapping_version(self, *, tenant_id: UUID, timeout_s: float) -> str | None:
        """Ask what the tenant's answers depend on now; None when the mapper does not know.

        Raises:
            DownstreamError: no usable answer came in time.
        """
        answer, _ = await self._call.get(
            "/api/v1/map/version", _VersionAnswer, tenant_id=tenant_id, timeout_s=timeout_s
        )
        return answer.mapping_version


def payload_out(payload: MapperPayload) -> PayloadOut:
    """Turn a payload into its wire form."""
    return PayloadOut(
        detector=payload.detector,
        metadata=MetadataOut(
            contributing_detectors=list(payload.contributing_detectors),
            provenance=[
                ProvenanceOut(
                    detector=said.detector,
                    output=said.output,
                    vendor=said.vendor,
                    version=said.version,
                    confidence=said.confidence,
                    processing_time_ms=said.processing_time_ms,
                )
                for said in payload.provenance
            ],
            aggregation_method=payload.aggregation_method,
            coverage_achieved=payload.coverage_achieved,
        ),
    )


def _read(answers: Sequence[_Answer], body: dict[str, object]) -> MapperAnswer:
    findings = [
        MappedFinding(
            label=label,
            score=finding.scores[label],
            confidence=finding.confidence,
            detector=finding.raw.detector,
            tier=finding.tier,
            occurrences=finding.occurrences,
            raw_label=finding.raw.label,
        )
        for answer in answers
        for finding in answer.findings
        for label in finding.taxonomy
    ]
    versions = {answer.mapping_version for answer in answers}
    return MapperAnswer(
        tuple(findings),
        body,
        any(answer.fallback_used for answer in answers),
        mapping_version=versions.pop() if len(versions) == 1 else None,
    )


def _joined(raw: dict[str, object]) -> dict[str, object]:
    results = [result for result in _list(raw.get("results")) if isinstance(result, dict)]
    return {
        "findings": [finding for result in results for finding in _list(result.get("findings"))],
        "fallback_used": any(result.get("fallback_used") is True for result in results),
        "version_info": results[0].get("version_info") if results else None,
        "mapping_version": results[0].get("mapping_version") if results else None,
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
