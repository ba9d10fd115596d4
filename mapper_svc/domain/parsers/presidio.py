from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generic import groups_of
from mapper_svc.domain.parsers.typed_fields import as_number, as_object, as_text, maybe_offset
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads the analyzer's list of entities, or the list of such lists that a list of texts gives.

    Offsets count code points. The analysis explanation and the recognizer's metadata are not read.
    """
    if isinstance(payload, dict):
        if "error" in payload:
            raise MalformedError("the analyzer answered with an error")
        if "entity_type" not in payload:
            raise OtherShapeError
        payload = [payload]
    if not isinstance(payload, list | tuple):
        raise OtherShapeError
    out = Collected()
    for group, entities in enumerate(groups_of(payload)):
        out.each(entities, lambda entry, group=group: _entity(entry, group))  # type: ignore[misc]
    return out.reading()


def _entity(entry: object, group: int) -> Signal:
    fields = as_object(entry, "an entity")
    return Signal(
        as_text(fields.get("entity_type"), "the type of an entity"),
        score=as_number(fields.get("score"), "the score of an entity"),
        start=maybe_offset(fields.get("start")),
        end=maybe_offset(fields.get("end")),
        group=group,
    )
