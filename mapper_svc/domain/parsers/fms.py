from collections.abc import Callable

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generic import groups_of
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_number,
    as_object,
    as_text,
    maybe_number,
    maybe_offset,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_NO_LABEL = frozenset(
    {
        "detection",
        "single_label_classification",
        "multi_label_classification",
        "sequence_classification",
        "regression",
    }
)
"""What a Hugging Face runtime puts into `detection`, where it has nothing to say."""
_NO_TYPE = "causal_lm"
"""The `detection_type` of a generative judge: its score is the probability of a risk that nobody names."""


def parse_detections(payload: object) -> Reading:
    """Reads detections whose label is in `detection`; `detection_type` is the wider one."""
    return _parse(payload, _labelled_by_detection)


def parse_label_in_type(payload: object) -> Reading:
    """Reads a Hugging Face runtime's detections: the label is in `detection_type`."""
    return _parse(payload, _labelled_by_type)


def parse_judge(payload: object) -> Reading:
    """Reads an LLM judge's rows: the score is quality, and safe rows are among them."""
    return _parse(payload, _judged)


def _parse(payload: object, read: Callable[[Json, Collected, int], Signal | None]) -> Reading:
    if isinstance(payload, dict):
        if "code" in payload and ("message" in payload or "details" in payload):
            raise MalformedError("the detector answered with an error")
        if "detections" in payload:
            payload = payload["detections"]
        elif "detection" in payload or "detection_type" in payload:
            payload = [payload]
    if not isinstance(payload, list | tuple):
        raise OtherShapeError
    out = Collected()
    contents: list[object] = [entry for entry in payload if isinstance(entry, list | tuple)]
    if contents and len(contents) < len(payload):
        out.broken("the detections of a content are no list")
    for group, rows in enumerate(groups_of(contents or payload)):
        out.each(rows, lambda row, group=group: read(as_object(row, "a detection"), out, group))  # type: ignore[misc]
    return out.reading()


def _signal(fields: Json, raw: str, group: int, parent: str | None = None) -> Signal:
    score = maybe_number(fields.get("score"), "the score of a detection")
    return Signal(
        raw,
        score=score,
        flagged=True if score is None else None,
        start=maybe_offset(fields.get("start")),
        end=maybe_offset(fields.get("end")),
        parent=parent,
        group=group,
    )


def _labelled_by_detection(fields: Json, out: Collected, group: int) -> Signal | None:
    kind = fields.get("detection_type")
    wide = None if kind is None else as_text(kind, "detection_type")
    name = fields.get("detection")
    # A generative judge puts the name of its model into `detection`.
    if name is None or wide == _NO_TYPE or (isinstance(name, str) and name in _NO_LABEL):
        return _labelled_by_type(fields, out, group)
    return _signal(fields, as_text(name, "detection"), group, parent=wide)


def _labelled_by_type(fields: Json, out: Collected, group: int) -> Signal | None:
    kind = as_text(fields.get("detection_type"), "detection_type")
    if kind == _NO_TYPE:
        score = as_number(fields.get("score"), "the score of a detection")
        if not 0.0 <= score <= 1.0:
            raise MalformedError("a probability is outside [0, 1]")
        out.flagged = out.flagged or score >= 0.5  # noqa: PLR2004 - the likelier of yes and no
        return None
    return _signal(fields, kind, group)


def _judged(fields: Json, _out: Collected, group: int) -> Signal | None:
    return _signal(fields, as_text(fields.get("detection"), "detection"), group)
