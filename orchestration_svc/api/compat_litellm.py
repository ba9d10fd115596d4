"""LiteLLM's generic guardrail API."""

from typing import Annotated

from litestar import Controller, post
from litestar.openapi.spec import Example
from litestar.params import Body

from orchestration_svc.api.compat_context import FAULTS, call_context
from orchestration_svc.api.compat_litellm_wire import GuardrailAnswer, GuardrailParams, GuardrailRequest
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.limit_requests import requires_within_limits
from orchestration_svc.api.problems import faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.guard_texts import guard_texts
from orchestration_svc.domain.look_at_texts import TEXTS_MAX, LookAtTexts


class LitellmController(Controller):
    """Answers in the shape that LiteLLM's proxy expects of a guardrail."""

    path = "/beta/litellm_basic_guardrail_api"
    tags = ("compatible APIs",)
    guards = (requires_within_limits("orchestrate"),)

    @post("/", status_code=200, summary="As a guardrail of LiteLLM", responses=faults(*FAULTS))
    async def guard(
        self,
        data: Annotated[
            GuardrailRequest,
            Body(
                examples=[
                    Example(id="prompt", value={"input_type": "request", "texts": ["mail eve@example.com"]})
                ]
            ),
        ],
        principal: Injected[Principal],
        look_at_texts: Injected[LookAtTexts],
    ) -> GuardrailAnswer:
        """Let the texts pass, take personal data and secrets out of them, or block them."""
        texts = data.texts or []
        calls = [call.function for call in data.tool_calls or ()]
        # The name is the model's own words as much as the arguments are.
        said = [words for call in calls for words in (call.name, call.arguments) if words]
        if len(texts) + len(said) > TEXTS_MAX:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"at most {TEXTS_MAX} texts are taken", field="texts"
            )
        params = data.additional_provider_specific_params or GuardrailParams()
        looked = await look_at_texts(
            [*texts, *said],
            tenant_id=principal.tenant_id,
            policy=params.policy,
            direction="output" if data.input_type == "response" else "input",
            context=call_context(),
        )
        guarded = guard_texts(
            texts,
            looked.verdicts[: len(texts)],
            looked.choices,
            may_redact=params.on_finding == "redact",
            fixed=looked.verdicts[len(texts) :],
            unseen=bool(data.images),
        )
        if guarded.reasons:
            return GuardrailAnswer("BLOCKED", blocked_reason=", ".join(guarded.reasons))
        if guarded.changed:
            return GuardrailAnswer("GUARDRAIL_INTERVENED", texts=list(guarded.texts))
        return GuardrailAnswer("NONE")
