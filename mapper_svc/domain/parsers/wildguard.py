from mapper_svc.domain.parsers.typed_fields import as_text
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_MEMBERS = ("prompt_harmfulness", "response_harmfulness", "response_refusal")


def parse(payload: object) -> Reading:
    """Reads the three verdicts; there are no categories, so harm is the umbrella one.

    The model's own report that it could not read its answer makes the payload a failure.
    """
    if not isinstance(payload, dict) or not any(name in payload for name in _MEMBERS):
        raise OtherShapeError
    if payload.get("is_parsing_error") is not None and payload["is_parsing_error"] is not False:
        raise MalformedError("the detector could not read its own answer")
    verdicts = [as_text(payload[name], name) for name in _MEMBERS if payload.get(name) is not None]
    if not verdicts:
        raise MalformedError("there is no verdict")
    return Reading(tuple(Signal(verdict, flagged=True) for verdict in dict.fromkeys(verdicts)))
