"""The language of OpenAI's moderations: POST /v1/moderations."""

import msgspec

from orchestration_svc.adapters.detectors.answer_parts import (
    flag_of,
    label_of,
    list_of,
    number_of,
    object_of,
)
from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import DetectorOutput, JsonValue


class OpenAiOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``model`` is left to the server unless given."""

    model: str = ""


class OpenAiModerations:
    """Keeps the verdicts and scores of the categories."""

    path = "/v1/moderations"

    def __init__(self, options: OpenAiOptions) -> None:
        self.headers: dict[str, str] = {}
        self._model = options.model

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        return {"input": text} | ({"model": self._model} if self._model else {})

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep ``flagged``, ``categories`` and ``category_scores`` of the one result; WrongShapeError."""
        del text
        (result,) = (object_of(one) for one in list_of(object_of(answer).get("results"), length=1))
        flagged = flag_of(result.get("flagged"))
        categories = {
            label_of(name): flag_of(hit)
            for name, hit in object_of(result.get("categories")).items()
            if hit is not None
        }
        given = object_of(result.get("category_scores") or {})
        scores = {label_of(name): number_of(score) for name, score in given.items() if score is not None}
        if not categories and not flagged:
            raise WrongShapeError  # nothing was judged, which is not the same as nothing found
        kept = {"flagged": flagged, "categories": categories, "category_scores": scores}
        hits = [scores[name] for name, hit in categories.items() if hit and name in scores]
        return DetectorOutput({"results": [kept]}, max(hits, default=None))
