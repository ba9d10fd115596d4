import re

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_object, as_text, first, maybe_number
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_THINK = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_SCORE = re.compile(r"<score>\s*(yes|no)\s*</score>", re.IGNORECASE)
_BARE = re.compile(r"\A(yes|no)\b[.\s]*", re.IGNORECASE)
_CONFIDENCE = re.compile(r"<confidence>\s*(high|low)\s*</confidence>", re.IGNORECASE)


def parse(payload: object) -> Reading:
    """Reads yes or no, where yes means that the risk is there.

    The model never says which risk it judged: that is the `risk_name` the caller sent, so the adapter passes
    it along, in an object beside the text. Without it a yes is flagged without a label.
    """
    if isinstance(payload, str):
        return _verdict(payload, None, None)
    if isinstance(payload, list | tuple):
        if not payload or any(not isinstance(entry, dict | str) for entry in payload):
            raise OtherShapeError
        out = Collected()
        for entry in payload:
            out.part(lambda entry=entry: _join(out, parse(entry)))  # type: ignore[misc]
        return out.reading()
    if not isinstance(payload, dict):
        raise OtherShapeError
    fields: Json = payload
    answer = first(fields, "output", "verdict", "generated_text", "text", "result")
    if answer is None:
        raise OtherShapeError
    risk = first(fields, "risk_name", "risk", "label")
    if risk is None and fields.get("guardian_config") is not None:
        risk = as_object(fields["guardian_config"], "guardian_config").get("risk_name")
    name = None if risk is None else as_text(risk, "risk_name")
    score = maybe_number(first(fields, "score", "probability_of_risk"), "the probability of risk")
    return _verdict(as_text(answer, "the verdict"), name, score)


def _join(out: Collected, reading: Reading) -> None:
    out.signals.extend(reading.signals)
    out.flagged = out.flagged or reading.flagged


def _verdict(text: str, risk: str | None, score: float | None) -> Reading:
    # What the model thinks may quote the content, a verdict in it included: only what follows counts.
    said = _THINK.sub("", text).strip()
    shape = _SCORE if _SCORE.search(said) else _BARE
    kinds = {one.lower() for one in shape.findall(said)}
    if not kinds:
        if "<" in said:
            raise MalformedError("the verdict is neither yes nor no")
        raise OtherShapeError
    if len(kinds) > 1:
        raise MalformedError("the verdict is both yes and no")
    if kinds == {"no"}:
        if _CONFIDENCE.sub("", shape.sub("", said)).strip():
            raise MalformedError("the verdict says more than no")
        return Reading()
    level = _CONFIDENCE.search(said)
    if risk is None:
        return Reading(flagged=True)
    severity = None if level is None else level.group(1)
    return Reading((Signal(risk, score=score, severity=severity, flagged=True),), flagged=True)
