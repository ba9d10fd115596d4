import re
from collections.abc import Mapping

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import as_object, as_text, first, maybe_number, maybe_offset
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

LABEL_NAMES = ("label", "entity_type", "entity", "type", "category", "name", "detection")
"""The field names under which a label is looked for, in this order."""
LABEL_LIKE = re.compile(r"[^\x00-\x1f]{1,200}")
"""What a bare text must look like to be taken for a label."""


def parse(payload: object) -> Reading:
    """Reads `{label, score?, severity?, start?, end?}`, or a list of such, of labels or of lists.

    Raises:
        OtherShapeError: something else.
        MalformedError: it has the shape and no entry can be read.
    """
    if isinstance(payload, Mapping):
        if first(payload, *LABEL_NAMES) is None:
            raise OtherShapeError
        return Reading((_signal(payload, 0),))
    if not isinstance(payload, list | tuple):
        raise OtherShapeError
    out = Collected()
    for group, entries in enumerate(groups_of(payload)):
        out.each(entries, lambda entry, group=group: _signal(entry, group))  # type: ignore[misc]
    return out.reading()


def groups_of(payload: list[object] | tuple[object, ...]) -> list[list[object] | tuple[object, ...]]:
    """Returns a list of results as a list of lists: batches and chunks come as lists of lists."""
    if payload and all(isinstance(entry, list | tuple) for entry in payload):
        return list(payload)  # type: ignore[arg-type]
    return [payload]


def _signal(entry: object, group: int) -> Signal:
    if isinstance(entry, str):
        label = as_text(entry, "a label")
        if not LABEL_LIKE.fullmatch(label):
            raise MalformedError("an entry is a text and no label")
        return Signal(label, flagged=True, group=group)
    fields = as_object(entry, "an entry")
    label = as_text(first(fields, *LABEL_NAMES), "the label of an entry")
    severity = first(fields, "severity", "level")
    if severity is not None and not isinstance(severity, str):
        severity = maybe_number(severity, "a severity")
    score = maybe_number(first(fields, "score", "confidence", "probability"), "a score")
    flagged = fields.get("flagged")
    if flagged is not None and not isinstance(flagged, bool):
        raise MalformedError("flagged is neither true nor false")
    no_number = score is None and severity is None
    return Signal(
        label,
        score=score,
        severity=severity if isinstance(severity, str | float) else None,
        start=maybe_offset(fields.get("start")),
        end=maybe_offset(fields.get("end")),
        flagged=True if flagged or (flagged is None and no_number) else None,
        group=group,
    )
