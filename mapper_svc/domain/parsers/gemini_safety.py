from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_list, as_object, as_text, first, maybe_number
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_ENDED_WELL = frozenset({"STOP", "MAX_TOKENS", "FINISH_REASON_UNSPECIFIED"})
_UNNAMED = frozenset(
    {
        "SAFETY",
        "PROHIBITED_CONTENT",
        "BLOCKLIST",
        "OTHER",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_OTHER",
        "MODEL_ARMOR",
    }
)
_NOT_RATED = "HARM_PROBABILITY_UNSPECIFIED"
_RATED = frozenset({"safetyRatings", "finishReason", "safety_ratings", "finish_reason"})


def parse(payload: object) -> Reading:
    """Reads safety ratings, alone or with their finish reason, a candidate or a whole response.

    A reason other than a normal end is a block: it is flagged even when no rating says why.
    """
    if isinstance(payload, list | tuple) and payload and all(_is_rating(entry) for entry in payload):
        payload = {"safetyRatings": payload}
    if not isinstance(payload, dict):
        raise OtherShapeError
    out = Collected()
    body: Json = payload
    parts: list[object] = []
    candidates, feedback = body.get("candidates"), first(body, "promptFeedback", "prompt_feedback")
    if candidates is not None:
        parts.extend(as_list(candidates, "candidates"))
    if body.keys() & _RATED:
        parts.append(body)
    if feedback is not None:
        parts.append(feedback)
    if not parts:
        raise MalformedError("there is no candidate") if candidates is not None else OtherShapeError
    for part in parts:
        out.part(lambda part=part: _rated(as_object(part, "a candidate"), out))  # type: ignore[misc]
    return out.reading()


def _is_rating(entry: object) -> bool:
    return isinstance(entry, dict) and {"category", "probability"} <= entry.keys()


def _rated(part: Json, out: Collected) -> None:
    reason = first(part, "finishReason", "finish_reason", "blockReason", "block_reason")
    ratings = first(part, "safetyRatings", "safety_ratings")
    if reason is None and ratings is None:
        raise MalformedError("a candidate has neither a rating nor a reason")
    if reason is not None:
        name = as_text(reason, "finishReason")
        if name not in _ENDED_WELL:
            out.flagged = True
            if name not in _UNNAMED:
                out.add(Signal(f"finishReason={name}", flagged=True))
    out.each(() if ratings is None else as_list(ratings, "safetyRatings"), _rating)


def _rating(entry: object) -> Signal:
    fields = as_object(entry, "a rating")
    level = first(fields, "probability")
    score = maybe_number(first(fields, "probabilityScore", "probability_score"), "probabilityScore")
    if level == _NOT_RATED:
        level = None
    if level is None and score is None and fields.get("blocked") is not True:
        raise MalformedError("a rating has no probability")
    return Signal(
        as_text(fields.get("category"), "the category of a rating"),
        score=score,
        severity=None if level is None else as_text(level, "probability"),
        flagged=True if fields.get("blocked") is True else None,
    )
