import re

from mapper_svc.domain.parsers.typed_fields import Json, as_text, first, maybe_number
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_CODE = re.compile(r"[A-Z]\d{1,2}")
_LONGEST = 2_000


def parse(payload: object) -> Reading:
    """Reads a verdict: `safe`, or `unsafe` with a second line of comma-separated codes.

    The verdict comes as text, or in an object beside `score`, the probability of the token `unsafe`.
    """
    if isinstance(payload, str):
        return read_verdict(payload, None)
    if isinstance(payload, list | tuple) and len(payload) == 1:
        return parse(payload[0]) if not isinstance(payload[0], list | tuple) else _refuse()
    if not isinstance(payload, dict):
        raise OtherShapeError
    fields: Json = payload
    verdict = first(fields, "verdict", "generated_text", "text", "output")
    if verdict is None:
        raise OtherShapeError
    score = maybe_number(first(fields, "score", "unsafe_score"), "the score")
    return read_verdict(as_text(verdict, "the verdict"), score)


def _refuse() -> Reading:
    raise OtherShapeError


def read_verdict(text: str, score: float | None) -> Reading:
    """Reads the two lines of a verdict."""
    if len(text) > _LONGEST:
        raise MalformedError("the verdict is too long to be one")
    head, _, rest = text.strip().partition("\n")
    match head.strip().lower():
        case "safe":
            if rest.strip():
                raise MalformedError("a safe verdict carries a second line")
            return Reading((Signal("safe", score=None if score is None else 1.0 - score),))
        case "unsafe":
            return _unsafe(rest, score)
    raise OtherShapeError


def _unsafe(rest: str, score: float | None) -> Reading:
    codes = [code.strip().rstrip(".") for code in re.split(r"[,\s]+", rest) if code.strip()]
    if not codes:
        return Reading((Signal("unsafe", score=score, flagged=True),), flagged=True)
    broken = (
        ()
        if all(_CODE.fullmatch(code) for code in codes)
        else ("the verdict names something else than codes",)
    )
    signals = tuple(Signal(code, score=score, flagged=True) for code in codes if _CODE.fullmatch(code))
    return Reading(signals, flagged=True, broken=broken)
