"""The language of LLM Guard's API: POST /analyze/prompt."""

import msgspec

from orchestration_svc.adapters.detectors.answer_parts import flag_of, label_of, number_of, object_of
from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import DetectorOutput, JsonValue


class LlmGuardOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``scanners_suppress`` names scanners that are not to run."""

    scanners_suppress: list[str] = []


class LlmGuard:
    """Keeps the verdict and each scanner's risk; the sanitised text is dropped."""

    path = "/analyze/prompt"

    def __init__(self, options: LlmGuardOptions) -> None:
        self.headers: dict[str, str] = {}
        self._suppressed = options.scanners_suppress

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        suppressed = {"scanners_suppress": self._suppressed} if self._suppressed else {}
        return {"prompt": text} | suppressed

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Keep ``is_valid`` and ``scanners``; WrongShapeError."""
        del text
        body = object_of(answer)
        valid = flag_of(body.get("is_valid"))
        given = object_of(body.get("scanners"))
        scanners = {label_of(name): number_of(risk, low=-1.0) for name, risk in given.items()}
        if not scanners and valid:
            raise WrongShapeError  # no scanner ran, so nobody looked
        highest = max(scanners.values(), default=0.0)
        return DetectorOutput({"is_valid": valid, "scanners": scanners}, highest if highest > 0 else None)
