"""An orchestrated request and its answer over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from orchestration_svc.domain.detection import DetectorStatus, FailureReason
from orchestration_svc.domain.orchestration import Direction, OrchestrationResult
from orchestration_svc.domain.policy import ConflictStrategy, CoverageMethod, Priority
from orchestration_svc.domain.policy_decision import Action, Decision
from orchestration_svc.domain.redact import Redacted

Lacks = Literal["PARTIAL_COVERAGE", "SERVICE_UNAVAILABLE"]
_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=_CLEAN)]
Application = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=_CLEAN,
        description="where the text comes from, by a name of yours; stored with the evidence as it is",
    ),
]
Subject = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=_CLEAN,
        description="whose text it is, by a name of yours; a keyed hash of it is stored with the evidence",
    ),
]


class OrchestrateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to look at.

    ``content`` is at most 64 KiB of UTF-8 and holds no null byte. ``text`` is short for ``text/plain``.
    Mapping is on unless switched off; analysis follows mapping. ``async`` makes a job of it. ``direction``
    tells the policy whether the text goes to a model or comes from one. ``application`` and ``subject`` go
    to the analysis: its answers can be narrowed to the one and the evidence of the other can be erased.
    """

    content: Annotated[str, Meta(min_length=1, description="the text; it is never stored or logged")]
    content_type: Literal["text", "text/plain"] = "text/plain"
    policy: Name | None = None
    detectors: Annotated[list[Name], Meta(min_length=1, max_length=64)] | None = None
    priority: Priority = Priority.NORMAL
    mode: Literal["sync", "async", "auto"] = "auto"
    auto_map: bool = True
    analyze: bool | None = None
    direction: Direction = "input"
    application: Application | None = None
    subject: Subject | None = None


class DetectorResultOut(msgspec.Struct, frozen=True):
    """One detector's part. ``output`` holds labels, offsets (code points), scores; null unless success."""

    detector: str
    version: str
    status: DetectorStatus
    output: object
    confidence: float | None
    processing_time_ms: float
    error: FailureReason | None


class ProvenanceOut(msgspec.Struct, frozen=True):
    """What one detector said, as handed to the mapper."""

    detector: str
    vendor: str
    version: str
    confidence: float | None
    output: object
    processing_time_ms: float


class PayloadMetadataOut(msgspec.Struct, frozen=True):
    """How the hand-over came about."""

    contributing_detectors: list[str]
    provenance: list[ProvenanceOut]
    aggregation_method: str
    coverage_achieved: float


class MapperPayloadOut(msgspec.Struct, frozen=True):
    """The hand-over to mapper_svc; each provenance entry carries its own output."""

    detector: str
    output: object
    metadata: PayloadMetadataOut


class CoverageOut(msgspec.Struct, frozen=True):
    """How much of what had to look did; ``required`` and ``missing`` are categories where TAXONOMY counts."""

    method: CoverageMethod
    required: list[str]
    missing: list[str]
    achieved: float
    threshold: float


class RoutingOut(msgspec.Struct, frozen=True):
    """Which detectors were chosen and why; ``health`` is their state before they ran."""

    selected: list[str]
    reason: str
    policy: str
    policy_version: str
    health: dict[str, str]


class MissingOut(msgspec.Struct, frozen=True):
    """A part that was asked for and is not there."""

    part: str
    reason: str


class PolicyDecisionOut(msgspec.Struct, frozen=True):
    """What is to become of the content; the caller carries it out.

    ``failed_closed`` names detectors that gave nothing and without which nothing may pass; ``failed_open``
    those that gave nothing all the same. ``redact`` holds labels to be masked, prefixes included; empty
    means all. ``contested`` are labels about which detectors differed, ``outvoted`` and ``below_threshold``
    those that did not count in the end.
    """

    action: Action
    reasons: list[str]
    redact: list[str]
    failed_closed: list[str]
    failed_open: list[str]
    conflict_resolution: ConflictStrategy
    contested: list[str]
    outvoted: list[str]
    below_threshold: list[str]


class ReplacementOut(msgspec.Struct, frozen=True):
    """One place that was changed: where it stood and where it stands, in code points."""

    start: int
    end: int
    new_start: int
    new_end: int
    label: str


class RedactedOut(msgspec.Struct, frozen=True):
    """The text without what the policy wants taken out. It is answered once and kept nowhere."""

    content: str
    replacements: list[ReplacementOut]


class VersionInfoOut(msgspec.Struct, frozen=True):
    """The versions behind the answer; null for a part that is not in it."""

    orchestration: str
    policy: str
    taxonomy: str | None
    model: str | None


class OrchestrateAnswer(msgspec.Struct, frozen=True):
    """What happened. 200 is the full answer; 206 says in ``error_code`` and ``missing`` what it lacks.

    ``cached_at`` is null unless detectors and mapper were not asked again: then it tells when they were.
    """

    request_id: UUID
    processing_mode: Literal["sync"]
    detector_results: list[DetectorResultOut]
    aggregated_payload: MapperPayloadOut | None
    mapping_result: dict[str, object] | None
    analysis_result: dict[str, object] | None
    attempted: int
    succeeded: int
    failed: int
    coverage: CoverageOut
    routing_decision: RoutingOut
    policy_decision: PolicyDecisionOut
    redacted: RedactedOut | None
    missing: list[MissingOut]
    fallback_used: bool
    error_code: Lacks | None
    timestamp: datetime
    cached_at: datetime | None
    version_info: VersionInfoOut


def answer_of(
    result: OrchestrationResult, *, version: str, error_code: Lacks | None, with_text: bool
) -> OrchestrateAnswer:
    """Turn a result into its wire form; without text it may be stored."""
    succeeded = [one for one in result.results if one.status.value == "success"]
    skipped = [one for one in result.results if one.status.value == "skipped"]
    mapped_with = result.mapping.body.get("version_info") if result.mapping else None
    versions = mapped_with if isinstance(mapped_with, dict) else {}
    policy = result.routing.policy
    return OrchestrateAnswer(
        request_id=result.request_id,
        processing_mode="sync",
        detector_results=[
            DetectorResultOut(
                detector=one.detector,
                version=one.version,
                status=one.status,
                output=one.output,
                confidence=one.confidence,
                processing_time_ms=one.processing_time_ms,
                error=one.error,
            )
            for one in result.results
        ],
        aggregated_payload=_payload(result),
        mapping_result=result.mapping.body if result.mapping else None,
        analysis_result=result.analysis.body if result.analysis else None,
        attempted=len(result.results) - len(skipped),
        succeeded=len(succeeded),
        failed=len(result.results) - len(skipped) - len(succeeded),
        coverage=CoverageOut(
            method=result.coverage.method,
            required=list(result.coverage.required),
            missing=list(result.coverage.missing),
            achieved=result.coverage.achieved,
            threshold=result.coverage.threshold,
        ),
        routing_decision=RoutingOut(
            selected=list(result.routing.selected),
            reason=result.routing.reason,
            policy=policy.name,
            policy_version=policy.version,
            health=result.routing.health,
        ),
        policy_decision=_decision(result.decision, policy.conflict),
        redacted=_redacted(result.redacted) if with_text else None,
        missing=[MissingOut(one.part, one.reason) for one in result.missing],
        fallback_used=bool(result.missing) or bool(result.mapping and result.mapping.fallback_used),
        error_code=error_code,
        timestamp=result.finished_at,
        cached_at=result.cached_at,
        version_info=VersionInfoOut(
            orchestration=version,
            policy=f"{policy.name}@{policy.version}",
            taxonomy=_text(versions.get("taxonomy")),
            model=_text(versions.get("model")),
        ),
    )


def _redacted(redacted: Redacted | None) -> RedactedOut | None:
    if redacted is None:
        return None
    changed = [
        ReplacementOut(one.start, one.end, one.new_start, one.new_end, one.label)
        for one in redacted.replacements
    ]
    return RedactedOut(redacted.text, changed)


def _decision(decision: Decision, conflict: ConflictStrategy) -> PolicyDecisionOut:
    return PolicyDecisionOut(
        action=decision.action,
        reasons=list(decision.reasons),
        redact=list(decision.redact),
        failed_closed=list(decision.failed_closed),
        failed_open=list(decision.failed_open),
        conflict_resolution=conflict,
        contested=list(decision.resolution.contested),
        outvoted=list(decision.resolution.outvoted),
        below_threshold=list(decision.resolution.below),
    )


def _payload(result: OrchestrationResult) -> MapperPayloadOut | None:
    if not result.payloads:
        return None
    # Split hand-overs are shown as the one they were before splitting.
    first = result.payloads[0]
    said = [part for payload in result.payloads for part in payload.provenance]
    return MapperPayloadOut(
        detector=first.detector,
        output=None,
        metadata=PayloadMetadataOut(
            contributing_detectors=list(dict.fromkeys(part.detector for part in said)),
            provenance=[
                ProvenanceOut(
                    detector=part.detector,
                    vendor=part.vendor,
                    version=part.version,
                    confidence=part.confidence,
                    output=part.output,
                    processing_time_ms=part.processing_time_ms,
                )
                for part in said
            ],
            aggregation_method=first.aggregation_method,
            coverage_achieved=first.coverage_achieved,
        ),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
