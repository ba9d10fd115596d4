from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import as_list, as_number, as_object, as_text, maybe_offset
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads DetectPiiEntities' `{Entities}`, that list alone, and ContainsPiiEntities' `{Labels}`."""
    if isinstance(payload, list | tuple) and payload and all(_is_entity(entry) for entry in payload):
        payload = {"Entities": payload}
    if not isinstance(payload, dict):
        raise OtherShapeError
    if "ResultList" in payload:
        raise MalformedError("the payload is of another Comprehend operation")
    out = Collected()
    if "Entities" in payload:
        out.each(as_list(payload["Entities"], "Entities"), lambda one: _entity(one, "Type"))
    elif "Labels" in payload:
        out.each(as_list(payload["Labels"], "Labels"), lambda one: _entity(one, "Name"))
    else:
        raise OtherShapeError
    return out.reading()


def _is_entity(entry: object) -> bool:
    return isinstance(entry, dict) and "Type" in entry and "Score" in entry


def _entity(entry: object, name: str) -> Signal:
    fields = as_object(entry, "an entity")
    return Signal(
        as_text(fields.get(name), "the type of an entity"),
        score=as_number(fields.get("Score"), "a score"),
        start=maybe_offset(fields.get("BeginOffset")),
        end=maybe_offset(fields.get("EndOffset")),
    )
