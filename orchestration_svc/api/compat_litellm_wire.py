"""LiteLLM's generic guardrail API over the wire; what LiteLLM sends beyond this is passed over."""

from typing import Literal

import msgspec

from orchestration_svc.api.orchestrate_wire import Name


class GuardrailParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator of LiteLLM sets under ``additional_provider_specific_params``.

    With ``on_finding: redact`` personal data and secrets are taken out and anything else blocks; with
    ``block`` every finding blocks. ``policy`` is the name of a policy.
    """

    on_finding: Literal["redact", "block"] = "redact"
    policy: Name | None = None


class CalledFunction(msgspec.Struct, frozen=True):
    """The function of a tool call; its arguments are JSON in a string."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, frozen=True):
    """A call that a model wants made."""

    function: CalledFunction = msgspec.field(default_factory=CalledFunction)


class GuardrailRequest(msgspec.Struct, frozen=True):
    """Texts on their way to a model (``request``) or back from it (``response``)."""

    input_type: Literal["request", "response"]
    texts: list[str] | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    additional_provider_specific_params: GuardrailParams | None = None


class GuardrailAnswer(msgspec.Struct, frozen=True):
    """NONE lets everything pass, GUARDRAIL_INTERVENED puts ``texts`` in its place, BLOCKED refuses it."""

    action: Literal["NONE", "GUARDRAIL_INTERVENED", "BLOCKED"]
    blocked_reason: str | None = None
    texts: list[str] | None = None
