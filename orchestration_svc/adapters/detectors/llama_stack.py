"""The language of Llama Stack's safety API: POST /v1/safety/run-shield."""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.adapters.detectors.answer_parts import label_of, object_of
from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import DetectorOutput, JsonValue

# Codes ("S1,S10") or a prompt guard's components; never a sentence about the text.
_KINDS = re.compile(r"[A-Za-z0-9_ .,:=/&()+-]{1,200}")


class LlamaStackOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``shield_id`` says which of the stack's shields runs; ``role`` whose words the text is."""

    shield_id: Annotated[str, Meta(min_length=1, max_length=200)]
    role: Annotated[str, Meta(pattern="^(user|assistant)$")] = "user"


class LlamaStack:
    """Keeps the level and kinds of a violation; what the shield would tell the user is dropped."""

    path = "/v1/safety/run-shield"

    def __init__(self, options: LlamaStackOptions) -> None:
        self.headers: dict[str, str] = {}
        self._options = options

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        message: dict[str, JsonValue] = {"role": self._options.role, "content": text}
        if self._options.role == "assistant":
            message["stop_reason"] = "end_of_turn"
        return {"shield_id": self._options.shield_id, "messages": [message], "params": {}}

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep ``violation``; WrongShapeError."""
        del text
        body = object_of(answer)
        if "violation" not in body:
            raise WrongShapeError
        if body["violation"] is None:
            return DetectorOutput({"violation": None})
        violation = object_of(body["violation"])
        kept: dict[str, JsonValue] = {"violation_level": label_of(violation.get("violation_level"))}
        kinds = object_of(violation.get("metadata") or {}).get("violation_type")
        if isinstance(kinds, list):
            kept["metadata"] = {"violation_type": [label_of(kind) for kind in kinds]}
        elif isinstance(kinds, str) and _KINDS.fullmatch(kinds):
            kept["metadata"] = {"violation_type": kinds}
        return DetectorOutput({"violation": kept})
