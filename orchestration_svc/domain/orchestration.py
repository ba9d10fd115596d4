"""What an orchestrated request is and what is answered to it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from orchestration_svc.domain.coverage import Coverage
from orchestration_svc.domain.detection import CallContext, DetectorResult
from orchestration_svc.domain.downstream import AnalysisAnswer, MapperAnswer
from orchestration_svc.domain.handover import MapperPayload
from orchestration_svc.domain.policy import Policy, Priority
from orchestration_svc.domain.policy_decision import Decision
from orchestration_svc.domain.redact import Redacted, Style

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class OrchestrationRequest:
    """One text to look at.

    Attributes:
        tenant_id: whose request it is.
        content: the text; it is in memory while the request lasts, and nowhere else.
        content_type: its media type.
        policy: name of the policy, None for the default.
        detectors: names asked for by the caller, None to leave it to the policy.
        priority: sets the time the request may take.
        map_findings: whether to have the outputs mapped.
        analyze_findings: whether to have the findings analysed; needs mapping.
        context: what travels with the calls.
        direction: ``input`` for what goes to a model, ``output`` for what comes from it.
        redaction: what stands in the place of findings, when the policy has them taken out.
        application: where the text comes from, by the caller's name for it.
        subject: whose text it is, by the caller's name; for the analysis only, and never to be shown.
    """

    tenant_id: UUID
    content: str
    content_type: str
    policy: str | None
    detectors: tuple[str, ...] | None
    priority: Priority
    map_findings: bool
    analyze_findings: bool
    context: CallContext
    direction: Direction = "input"
    redaction: Style = Style.PLACEHOLDER
    application: str | None = None
    subject: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Routing:
    """Which detectors were chosen and why.

    Attributes:
        selected: names, in the order of the results.
        reason: one sentence.
        policy: the policy in force.
        health: state of each selected detector before it ran.
    """

    selected: tuple[str, ...]
    reason: str
    policy: Policy
    health: dict[str, str]


@dataclass(frozen=True, slots=True)
class MissingPart:
    """A part of the answer that was asked for and is not there."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class OrchestrationResult:
    """The answer.

    Attributes:
        request_id: names this answer.
        results: one for each selected detector.
        payloads: what was handed to the mapper; more than one only above 64 KB.
        mapping: the mapper's answer.
        analysis: the analysis's answer.
        coverage: how much of what had to look did.
        routing: what was chosen and why.
        missing: parts asked for that are not there.
        decision: what the policy says is to become of the content.
        finished_at: when, UTC.
        redacted: the content without its findings, when the policy has them taken out; never to be stored.
        cached_at: when detectors and mapper did what is told here, for an answer from the cache; else None.
    """

    request_id: UUID
    results: tuple[DetectorResult, ...]
    payloads: tuple[MapperPayload, ...]
    mapping: MapperAnswer | None
    analysis: AnalysisAnswer | None
    coverage: Coverage
    routing: Routing
    missing: tuple[MissingPart, ...]
    decision: Decision
    finished_at: datetime
    redacted: Redacted | None = None
    cached_at: datetime | None = None
