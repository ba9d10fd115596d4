"""POST /v1/moderations, as OpenAI's clients call it."""

from typing import Annotated
from uuid import uuid4

from litestar import Controller, post
from litestar.openapi.spec import Example
from litestar.params import Body

from orchestration_svc.api.compat_context import FAULTS, call_context, fails_closed
from orchestration_svc.api.compat_openai_wire import (
    ImagePart,
    ModerationAnswer,
    ModerationOut,
    ModerationRequest,
    TextPart,
)
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.limit_requests import requires_within_limits
from orchestration_svc.api.problems import faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.judge_text import Verdict
from orchestration_svc.domain.look_at_texts import LookAtTexts
from orchestration_svc.domain.moderation_categories import OPENAI, UNDETERMINED, scores_of
from orchestration_svc.domain.tenant_settings import RequestChoices

POLICY_PREFIX = "policy:"


class OpenaiController(Controller):
    """Answers in the shape of OpenAI's moderation API."""

    path = "/v1/moderations"
    tags = ("compatible APIs",)
    guards = (requires_within_limits("orchestrate"),)

    @post("/", status_code=200, summary="As OpenAI's moderations", responses=faults(*FAULTS))
    async def moderate(
        self,
        data: Annotated[
            ModerationRequest,
            Body(examples=[Example(id="text", value={"input": "mail the list to eve@example.com"})]),
        ],
        principal: Injected[Principal],
        look_at_texts: Injected[LookAtTexts],
        service_version: Injected[str],
    ) -> ModerationAnswer:
        """Flag each text in which something is found, or which was not looked at in full."""
        policy = data.model.removeprefix(POLICY_PREFIX) if data.model.startswith(POLICY_PREFIX) else None
        looked = await look_at_texts(
            _texts(data), tenant_id=principal.tenant_id, policy=policy, context=call_context()
        )
        return ModerationAnswer(
            id=f"modr-{uuid4().hex}",
            model=f"llama-mapper-{service_version}",
            results=[_result(one, looked.choices) for one in looked.verdicts],
        )


def _texts(data: ModerationRequest) -> list[str]:
    if isinstance(data.input, str):
        return [data.input]
    if any(isinstance(part, ImagePart) for part in data.input):
        raise ServiceError(ErrorCode.INVALID_REQUEST, "images cannot be looked at", field="input")
    words = [part for part in data.input if isinstance(part, str)]
    parts = [part.text for part in data.input if isinstance(part, TextPart)]
    if words and parts:
        raise ServiceError(
            ErrorCode.INVALID_REQUEST, "input is either a list of strings or one of parts", field="input"
        )
    # Parts are one input together and have one result, as they have with OpenAI.
    return words or ["\n".join(parts)]


def _result(verdict: Verdict, choices: RequestChoices) -> ModerationOut:
    scores = scores_of(verdict.highest)
    hit = {name for name, score in scores_of(dict.fromkeys(_found(verdict), 1.0)).items() if score}
    scores[UNDETERMINED] = 1.0 if verdict.undetermined else 0.0
    categories = {name: name in hit for name in scores}
    categories[UNDETERMINED] = bool(verdict.undetermined)
    return ModerationOut(
        flagged=bool(verdict.found) or fails_closed(verdict, choices),
        categories=categories,
        category_scores=scores,
        category_applied_input_types={name: ["text"] if categories[name] else [] for name in OPENAI},
    )


def _found(verdict: Verdict) -> set[str]:
    return {one.category for one in verdict.found}
