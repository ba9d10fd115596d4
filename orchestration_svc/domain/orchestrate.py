"""The main job: run the detectors, have their outputs mapped and analysed, say what is missing."""

import time
from collections.abc import Sequence
from typing import Protocol
from uuid import uuid4

from orchestration_svc.domain.coverage import Coverage, coverage_of
from orchestration_svc.domain.detection import Detector, DetectorDirectory, DetectorResult, DetectorStatus
from orchestration_svc.domain.downstream import (
    AnalysisAnswer,
    AnalysisQuestion,
    DownstreamError,
    FailedDetector,
    MadeWith,
    MapperAnswer,
)
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.handover import MapperPayload, Provenance, build_payloads
from orchestration_svc.domain.orchestration import MissingPart, OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.policy import Budget, Policy, budget_for
from orchestration_svc.domain.policy_enforcement import PolicyEnforcement
from orchestration_svc.domain.ports import AnalysisClient, Clock, MapperClient
from orchestration_svc.domain.redact_findings import redact_findings
from orchestration_svc.domain.response_cache import ResponseCache
from orchestration_svc.domain.run_detectors import run_detectors
from orchestration_svc.domain.select_detectors import select_detectors


class OrchestrationEvents(Protocol):
    """Hears what a request did, for metrics."""

    def detector(self, name: str, status: str, milliseconds: float) -> None:
        """A detector ended."""
        ...

    def missing_part(self, part: str, reason: str) -> None:
        """A part of the answer is not there."""
        ...


class Orchestrate:
    """Answers one request; keeps what came back and names what did not.

    Args:
        directory: finds the detectors of a tenant.
        policies: enforce the policy of a request.
        mapper: maps what detectors said.
        analysis: analyses what was mapped.
        events: hears what was done.
        clock: tells the time.
        cache: finds what was found in the same text before; None for none.
    """

    def __init__(
        self,
        *,
        directory: DetectorDirectory,
        policies: PolicyEnforcement,
        mapper: MapperClient,
        analysis: AnalysisClient,
        events: OrchestrationEvents,
        clock: Clock,
        cache: ResponseCache | None = None,
    ) -> None:
        self._directory = directory
        self._policies = policies
        self._mapper = mapper
        self._analysis = analysis
        self._events = events
        self._clock = clock
        self._cache = cache

    async def __call__(self, request: OrchestrationRequest) -> OrchestrationResult:
        """Run one request.

        Raises:
            ServiceError: POLICY_NOT_FOUND; POLICY_DENIED when the policy refuses the request or fails;
                INVALID_REQUEST for detectors that cannot be had; ALL_DETECTORS_UNAVAILABLE when not one
                detector gave an output.
        """
        installed = await self._directory.of(request.tenant_id)
        enforced = await self._policies.plan(request, installed.all())
        policy = enforced.policy
        detectors, required, routing = select_detectors(
            installed,
            policy,
            # A policy of the tenant's own holds whether or not it is named.
            policy_named=request.policy is not None or not enforced.program.shipped,
            wanted=request.detectors,
            content_type=request.content_type,
        )
        budget = budget_for(request.priority, mapping=request.map_findings, analysis=request.analyze_findings)
        began = time.monotonic()
        place = None if self._cache is None else await self._cache.look_up(request, policy, detectors)
        seen = None if place is None else place.seen
        results = await self._run(request, detectors, budget) if seen is None else seen.results
        succeeded = [result for result in results if result.status is DetectorStatus.SUCCESS]
        if not succeeded:
            raise _nothing_came_back(results)

        coverage = coverage_of(policy, required, {result.detector for result in succeeded})
        payloads = _payloads(succeeded, coverage)
        missing: list[MissingPart] = []
        mapping = None if seen is None else seen.mapping
        analysis: AnalysisAnswer | None = None
        request_id = uuid4()
        if request.map_findings and seen is None:
            try:
                mapping = await self._mapper.map(
                    payloads, tenant_id=request.tenant_id, timeout_s=budget.mapper_s
                )
            except DownstreamError as error:
                missing.append(self._missing("mapping", error.reason))
        decided = await self._policies.decide(enforced, results, coverage, mapping)
        decision, redacted = redact_findings(request.content, decided, results, mapping, request.redaction)
        if request.analyze_findings:
            if mapping is None:
                missing.append(self._missing("analysis", "nothing_mapped"))
            else:
                question = AnalysisQuestion(
                    request_id=request_id,
                    findings=mapping.findings,
                    required=tuple(dict.fromkeys(required)),
                    succeeded=tuple(result.detector for result in succeeded),
                    failed=_failed(results, coverage),
                    coverage=coverage.achieved,
                    made_with=_made_with(policy, mapping, succeeded),
                    application=request.application,
                    subject=request.subject,
                )
                try:
                    analysis = await self._analysis.analyze(
                        question,
                        tenant_id=request.tenant_id,
                        timeout_s=budget.analysis_after(time.monotonic() - began),
                    )
                    missing += [self._missing(part, reason) for part, reason in analysis.missing]
                except DownstreamError as error:
                    missing.append(self._missing("analysis", error.reason))
        result = OrchestrationResult(
            request_id=request_id,
            results=tuple(results),
            payloads=tuple(payloads),
            mapping=mapping,
            analysis=analysis,
            coverage=coverage,
            routing=routing,
            missing=tuple(missing),
            decision=decision,
            redacted=redacted,
            finished_at=self._clock.now(),
            cached_at=None if seen is None else seen.looked_at,
        )
        if self._cache is not None and place is not None:
            self._cache.keep(place, result)
        return result

    async def _run(
        self, request: OrchestrationRequest, detectors: Sequence[Detector], budget: Budget
    ) -> Sequence[DetectorResult]:
        results = await run_detectors(
            detectors,
            request.content,
            content_type=request.content_type,
            limit_s=budget.detectors_s,
            context=request.context,
        )
        for result in results:
            self._events.detector(result.detector, result.status.value, result.processing_time_ms)
        return results

    def _missing(self, part: str, reason: str) -> MissingPart:
        self._events.missing_part(part, reason)
        return MissingPart(part, reason)


def _payloads(succeeded: Sequence[DetectorResult], coverage: Coverage) -> list[MapperPayload]:
    said = [
        Provenance(
            detector=result.detector,
            vendor=result.vendor,
            version=result.version,
            confidence=result.confidence,
            output=result.output,
            processing_time_ms=result.processing_time_ms,
        )
        for result in succeeded
    ]
    return build_payloads(said, coverage_achieved=coverage.achieved, aggregation_method=coverage.method.value)


def _made_with(policy: Policy, mapping: MapperAnswer, succeeded: Sequence[DetectorResult]) -> MadeWith:
    told = mapping.body.get("version_info")
    versions = told if isinstance(told, dict) else {}
    taxonomy, model = versions.get("taxonomy"), versions.get("model")
    return MadeWith(
        policy=policy.name,
        policy_version=policy.version,
        mapper_taxonomy=taxonomy if isinstance(taxonomy, str) else None,
        model=model if isinstance(model, str) else None,
        detectors={one.detector: one.version for one in succeeded if one.version != "unknown"},
    )


def _failed(results: Sequence[DetectorResult], coverage: Coverage) -> tuple[FailedDetector, ...]:
    failed = [
        FailedDetector(result.detector, result.status.value)
        for result in results
        if result.status not in (DetectorStatus.SUCCESS, DetectorStatus.SKIPPED)
    ]
    told = {one.detector for one in failed}
    # Required, but not chosen or passed over: the analysis must know that nobody looked.
    failed += [FailedDetector(name, "skipped") for name in coverage.unseen if name not in told]
    return tuple(failed)


def _nothing_came_back(results: Sequence[DetectorResult]) -> ServiceError:
    return ServiceError(
        ErrorCode.ALL_DETECTORS_UNAVAILABLE,
        "not one detector gave an output; nothing is known about this content",
        faults=tuple(
            (f"detector:{result.detector}", f"{result.status.value}: {result.error or 'no reason given'}")
            for result in results
        ),
    )
