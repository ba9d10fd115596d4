import re

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generated_text import generated_texts, is_sentence
from mapper_svc.domain.parsers.typed_fields import Json, as_text, first
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_CODE = re.compile(r"[A-Z]\d{1,2}")
_NAMED_CODE = re.compile(r"([A-Za-z]\d{1,2})\s*[:\-]\s*[^\d\s].*")
_SPECIAL_TOKEN = re.compile(r"<\|[a-z_]{1,40}\|>")
_VERDICT_WORD = re.compile(r"\b(?:un)?safe\b", re.IGNORECASE)
_LONGEST = 2_000


def parse(payload: object) -> Reading:
    """Reads a verdict: `safe`, or `unsafe` with a second line of comma-separated codes.

    The verdict comes as text, or in an object beside `score`, the probability of the token `unsafe`, or in
    the answer of the server that runs the model.
    """
    texts = generated_texts(payload)
    if texts is not None:
        out = Collected()
        for text in texts:
            out.part(lambda text=text: out.join(read_verdict(text, None)))  # type: ignore[misc]
        return out.reading()
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
    out = Collected()
    score = out.number(first(fields, "score", "unsafe_score"), "the score")
    out.join(read_verdict(as_text(verdict, "the verdict"), score))
    return out.reading()


def _refuse() -> Reading:
    raise OtherShapeError


def read_verdict(text: str, score: float | None) -> Reading:
    """Reads the two lines of a verdict."""
    if len(text) > _LONGEST:
        raise MalformedError("the verdict is too long to be one")
    said = _SPECIAL_TOKEN.sub("", text).strip()
    head, _, rest = said.partition("\n")
    match head.strip().lower():
        case "safe":
            if rest.strip():
                raise MalformedError("a safe verdict carries a second line")
            return Reading((Signal("safe", score=None if score is None else 1.0 - score),))
        case "unsafe":
            return _unsafe(rest, score)
    if is_sentence(said) or _VERDICT_WORD.search(said):
        raise MalformedError("the model wrote something else than a verdict")
    raise OtherShapeError


def _unsafe(rest: str, score: float | None) -> Reading:
    codes = [code for part in re.split(r"[,\n]", rest) for code in _codes(part.strip())]
    if not codes:
        return Reading((Signal("unsafe", score=score, flagged=True),), flagged=True)
    broken = (
        ()
        if all(_CODE.fullmatch(code) for code in codes)
        else ("the verdict names something else than codes",)
    )
    signals = tuple(Signal(code, score=score, flagged=True) for code in codes if _CODE.fullmatch(code))
    return Reading(signals, flagged=True, broken=broken)


def _codes(part: str) -> list[str]:
    if named := _NAMED_CODE.fullmatch(part):
        return [named.group(1).upper()]
    words = [word.rstrip(".") for word in part.split()]
    return [word.upper() if _CODE.fullmatch(word.upper()) else word for word in words]
