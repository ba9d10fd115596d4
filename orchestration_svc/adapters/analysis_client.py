"""analysis_svc over HTTP: this service's own reading of its contract."""

import re
from uuid import UUID

import msgspec

from orchestration_svc.adapters.downstream_call import DownstreamCall
from orchestration_svc.domain.downstream import AnalysisAnswer, AnalysisQuestion, DownstreamError, MadeWith

_MOST_DETECTORS = 256
_SUBJECT = "context.subject"
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}")


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


class VersionsOut(msgspec.Struct, frozen=True):
    """What the findings were made with."""

    policy: str | None
    policy_version: str | None
    mapper_taxonomy: str | None
    model: str | None
    detectors: dict[str, str]


class ContextOut(msgspec.Struct, frozen=True):
    """What surrounds the findings."""

    request_id: str
    detectors_required: list[str]
    detectors_succeeded: list[str]
    detectors_failed: list[FailedOut]
    coverage: float
    versions: VersionsOut
    application: str | None = None
    subject: str | None = None


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
        asked = question_out(question)
        try:
            answer, raw = await self._call.post(
                "/api/v1/analyze", asked, _Answer, tenant_id=tenant_id, timeout_s=timeout_s
            )
        except DownstreamError as error:
            if error.field == _SUBJECT and question.subject is not None:
                raise DownstreamError("subject_not_kept", _SUBJECT) from None
            raise
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
            versions=_versions(question.made_with),
            application=question.application,
            subject=question.subject,
        ),
    )


def _versions(made_with: MadeWith) -> VersionsOut:
    """Leave out what the contract would not take: no analysis is to be lost for a strange version."""
    return VersionsOut(
        policy=_name(made_with.policy),
        policy_version=_name(made_with.policy_version),
        mapper_taxonomy=_name(made_with.mapper_taxonomy),
        model=_name(made_with.model),
        detectors={
            detector: version
            for detector, version in list(made_with.detectors.items())[:_MOST_DETECTORS]
            if _name(detector) and _name(version)
        },
    )


def _name(text: str | None) -> str | None:
    return text if text and _NAME.fullmatch(text) else None
