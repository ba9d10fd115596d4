"""The language of Presidio's analyzer server: POST /analyze."""

from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.adapters.detectors.answer_parts import (
    label_of,
    list_of,
    number_of,
    object_of,
    span_of,
)
from orchestration_svc.domain.detection import DetectorOutput, JsonValue

_SpanPart = JsonValue


class PresidioOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``entities`` narrows what is looked for; ``score_threshold`` drops what is less sure."""

    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}$(?!\n)")] = "en"
    entities: Annotated[list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=64)] = []
    score_threshold: Annotated[float, Meta(ge=0, le=1)] | None = None


class PresidioHttp:
    """Keeps type, place and score of each entity."""

    path = "/analyze"

    def __init__(self, options: PresidioOptions) -> None:
        self.headers: dict[str, str] = {}
        self._options = options

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        asked: dict[str, JsonValue] = {"text": text, "language": self._options.language}
        if self._options.entities:
            asked["entities"] = self._options.entities
        if self._options.score_threshold is not None:
            asked["score_threshold"] = self._options.score_threshold
        return asked

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep the list of entities; WrongShapeError."""
        del text
        entries = [_entity(object_of(entry)) for entry in list_of(answer)]
        return DetectorOutput(entries, max((entry["score"] for entry in entries), default=None))


def _entity(entry: dict[str, JsonValue]) -> dict[str, _SpanPart]:
    kept: dict[str, _SpanPart] = {"entity_type": label_of(entry.get("entity_type"))}
    return {**kept, **span_of(entry), "score": number_of(entry.get("score"))}
