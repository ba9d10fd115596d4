"""analysis_svc over HTTP: this service's own reading of its contract."""

from uuid import UUID

import msgspec

from orchestration_svc.adapters.downstream_call import DownstreamCall
from orchestration_svc.domain.downstream import AnalysisAnswer, AnalysisQuestion


class FindingOut(msgspec.Struct, frozen=True):
    """A finding as the analysis takes it."""

    id: str
    label: str
    score: float
    confidence: float
    detector: str
    tier: str
    occurrences: int


class FailedOut(msgspec.Struct, frozen=True):
    """A detector that gave nothing usable."""

    detector: str
    status: str


class ContextOut(msgspec.Struct, frozen=True):
    """What surrounds the findings."""

    request_id: str
    detectors_required: list[str]
    detectors_succeeded: list[str]
    detectors_failed: list[FailedOut]
    coverage: float


class QuestionOut(msgspec.Struct, frozen=True):
    """POST /api/v1/analyze."""

    findings: list[FindingOut]
    context: ContextOut


class _Risk(msgspec.Struct, frozen=True):
    score: float
    level: str


class _Missing(msgspec.Struct, frozen=True):
    part: str
    reason: str


class _Answer(msgspec.Struct, frozen=True):
    risk: _Risk
    missing: list[_Missing] = []


class HttpAnalysisClient:
    """Asks /api/v1/analyze."""

    def __init__(self, call: DownstreamCall) -> None:
        self._call = call

    async def analyze(
        self, question: AnalysisQuestion, *, tenant_id: UUID, timeout_s: float
    ) -> AnalysisAnswer:
        """Analyse findings; raises DownstreamError with the reason when it cannot."""
        answer, raw = await self._call.post(
            "/api/v1/analyze", question_out(question), _Answer, tenant_id=tenant_id, timeout_s=timeout_s
        )
        return AnalysisAnswer(raw, tuple((one.part, one.reason) for one in answer.missing))


def question_out(question: AnalysisQuestion) -> QuestionOut:
    """Turn a question into its wire form; finding n is called ``f<n>``."""
    return QuestionOut(
        findings=[
            FindingOut(
                id=f"f{number}",
                label=finding.label,
                score=finding.score,
                confidence=finding.confidence,
                detector=finding.detector,
                tier=finding.tier,
                occurrences=finding.occurrences,
            )
            for number, finding in enumerate(question.findings, start=1)
        ],
        context=ContextOut(
            request_id=str(question.request_id),
            detectors_required=list(question.required),
            detectors_succeeded=list(question.succeeded),
            detectors_failed=[FailedOut(one.detector, one.status) for one in question.failed],
            coverage=question.coverage,
        ),
    )
