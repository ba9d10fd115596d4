import re

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generated_text import generated_texts
from mapper_svc.domain.parsers.typed_fields import Json, as_object, as_text, first
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_THINK = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_SCORE = re.compile(r"<score>\s*(yes|no)\s*</score>", re.IGNORECASE)
_BARE = re.compile(r"\A(yes|no)\b[.\s]*", re.IGNORECASE)
_OWN_CRITERION = "custom_criteria"
_NO_RISK = "no"
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
            out.part(lambda entry=entry: out.join(parse(entry)))  # type: ignore[misc]
        return out.reading()
    if not isinstance(payload, dict):
        raise OtherShapeError
    fields: Json = payload
    texts = generated_texts(payload)
    if texts is None:
        answer = first(fields, "output", "verdict", "generated_text", "text", "result")
        if answer is None:
            raise OtherShapeError
        texts = (as_text(answer, "the verdict"),)
    name = _risk_name(fields)
    out = Collected()
    score = out.number(first(fields, "score", "probability_of_risk"), "the probability of risk")
    for text in texts:
        out.join(_verdict(text, name, score))
    return out.reading()


def _risk_name(fields: Json) -> str | None:
    """Returns which risk was asked about: later versions call it a criterion, or take one in words."""
    risk = first(fields, "risk_name", "criteria_id", "risk", "label")
    if risk is None and fields.get("guardian_config") is not None:
        config = as_object(fields["guardian_config"], "guardian_config")
        risk = first(config, "risk_name", "criteria_id")
        if risk is None and config.get("custom_criteria") is not None:
            return _OWN_CRITERION  # its words are the tenant's own
    return None if risk is None else as_text(risk, "risk_name")


def _verdict(text: str, risk: str | None, score: float | None) -> Reading:
    # What the model thinks may quote the content, a verdict in it included: only what follows counts.
    said = _THINK.sub("", text).strip()
    if said[:1] in {"{", "["}:
        # JSON that was cut: what looks like a verdict in it may be quoted content.
        raise MalformedError("the verdict is in JSON that is cut or broken")
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
        # Beside "no" the number still is the probability of risk.
        return Reading() if score is None else Reading((Signal(_NO_RISK, score=1.0 - score),))
    level = _CONFIDENCE.search(said)
    if risk is None:
        return Reading(flagged=True)
    severity = None if level is None else level.group(1)
    return Reading((Signal(risk, score=score, severity=severity, flagged=True),), flagged=True)
