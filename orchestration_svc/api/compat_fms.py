"""The FMS detector API and the detection of the FMS orchestrator, as TrustyAI's clients call them."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, post
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter

from orchestration_svc.api.compat_context import FAULTS, call_context, fails_closed
from orchestration_svc.api.compat_fms_wire import (
    ContentDetection,
    ContentsRequest,
    DetectionAnswer,
    DetectionRequest,
    OrchestratorDetection,
)
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.limit_requests import requires_within_limits
from orchestration_svc.api.problems import faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.detection import DetectorDirectory
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.judge_text import BLOCKED, Detection, Verdict
from orchestration_svc.domain.look_at_texts import LookAtTexts
from orchestration_svc.domain.moderation_categories import UNDETERMINED
from orchestration_svc.domain.tenant_settings import RequestChoices

WHOLE_POLICY = "llama-mapper"
"""The detector id that stands for every detector of the tenant's default policy."""
_ANSWERS = faults(*FAULTS, ErrorCode.NOT_FOUND)
DetectorId = Annotated[
    str,
    HeaderParameter(
        name="detector-id",
        min_length=1,
        max_length=128,
        description=f"an installed detector, or {WHOLE_POLICY} for all of the tenant's default policy",
        examples=[Example(id="all", value=WHOLE_POLICY)],
    ),
]


class FmsController(Controller):
    """Answers as an FMS detector and as an FMS orchestrator."""

    path = "/api"
    tags = ("compatible APIs",)
    guards = (requires_within_limits("orchestrate"),)

    @post("/v1/text/contents", status_code=200, summary="As an FMS detector", responses=_ANSWERS)
    async def contents(
        self,
        data: Annotated[
            ContentsRequest,
            Body(examples=[Example(id="mail", value={"contents": ["mail eve@example.com"]})]),
        ],
        detector_id: DetectorId,
        principal: Injected[Principal],
        directory: Injected[DetectorDirectory],
        look_at_texts: Injected[LookAtTexts],
    ) -> list[list[ContentDetection]]:
        """Answer for each text, in order, what was found in it."""
        looked = await look_at_texts(
            data.contents,
            tenant_id=principal.tenant_id,
            detectors=await _named(detector_id, directory, principal.tenant_id),
            threshold=data.detector_params.threshold,
            context=call_context(),
        )
        return [
            [
                ContentDetection(
                    start=one.start,
                    end=one.end,
                    text=text[one.start : one.end],
                    detection=one.label,
                    detection_type=one.category,
                    score=one.score,
                )
                for one in _told(verdict, looked.choices, text)
            ]
            for text, verdict in zip(data.contents, looked.verdicts, strict=True)
        ]

    @post("/v2/text/detection/content", status_code=200, summary="As an FMS orchestrator", responses=_ANSWERS)
    async def detection(
        self,
        data: Annotated[
            DetectionRequest,
            Body(
                examples=[
                    Example(
                        id="mail",
                        value={"content": "mail eve@example.com", "detectors": {WHOLE_POLICY: {}}},
                    )
                ]
            ),
        ],
        principal: Injected[Principal],
        directory: Injected[DetectorDirectory],
        look_at_texts: Injected[LookAtTexts],
    ) -> DetectionAnswer:
        """Answer what each of the named detectors found in the text."""
        named = {name: await _named(name, directory, principal.tenant_id) for name in data.detectors}
        everything = WHOLE_POLICY in named
        looked = await look_at_texts(
            [data.content],
            tenant_id=principal.tenant_id,
            detectors=None if everything else tuple(named),
            # Each has a threshold of its own: all findings now, and those under it are passed over below.
            threshold=0.0,
            context=call_context(),
        )
        told: list[OrchestratorDetection] = []
        for one in _told(looked.verdicts[0], looked.choices, data.content):
            asked = one.detector if one.detector in named else WHOLE_POLICY if everything else None
            params = data.detectors.get(asked or "")
            least = params.threshold if params and params.threshold is not None else None
            if one.score < (looked.choices.finding_threshold if least is None else least):
                continue
            told.append(
                OrchestratorDetection(
                    start=one.start,
                    end=one.end,
                    text=data.content[one.start : one.end],
                    detection=one.label,
                    detection_type=one.category,
                    detector_id=asked or one.detector,
                    score=one.score,
                )
            )
        return DetectionAnswer(told)


async def _named(name: str, directory: DetectorDirectory, tenant_id: UUID) -> tuple[str, ...] | None:
    if name == WHOLE_POLICY:
        return None
    if (await directory.of(tenant_id)).get(name) is None:
        raise ServiceError(
            ErrorCode.NOT_FOUND, "no such detector is installed; GET /api/v1/detectors lists them"
        )
    return (name,)


def _told(verdict: Verdict, choices: RequestChoices, text: str) -> tuple[Detection, ...]:
    if not fails_closed(verdict, choices):
        return verdict.found
    # These APIs have no other way to say that not everybody looked, or that the policy stops the text.
    doubt = Detection(
        start=0,
        end=len(text),
        placed=False,
        label=BLOCKED if verdict.blocked else verdict.undetermined[0].value,
        category=UNDETERMINED,
        detector=UNDETERMINED,
        score=1.0,
    )
    return (*verdict.found, doubt)
