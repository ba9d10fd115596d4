from collections.abc import Mapping

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generic import groups_of
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_list,
    as_number,
    as_object,
    as_text,
    first,
    maybe_number,
    maybe_offset,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads what Hugging Face's classification pipelines and Detoxify return.

    `[{label, score}]`, a list of such lists (one for each chunk of a long text), one `{label, score}`, the
    token pipeline's `{entity | entity_group, score, start, end}` with its `B-`/`I-` prefixes, the zero-shot
    `{labels, scores}`, and Detoxify's `{label: score}`.
    """
    out = Collected()
    if isinstance(payload, Mapping):
        if "labels" in payload and "scores" in payload:
            _zero_shot(payload, out)
        elif any(name in payload for name in ("label", "entity", "entity_group")):
            out.each([payload], lambda entry: _entry(entry, 0, alone=True))
        else:
            _columns(payload, out)
        return out.reading()
    if not isinstance(payload, list | tuple):
        raise OtherShapeError
    groups = groups_of(payload)
    for index, group in enumerate(groups):
        if not group:
            # A token pipeline finds nothing in many texts. A classifier that names no class at all is told
            # apart by its vendor's `top_wins`, where the signals are weighed.
            continue
        out.each(group, lambda entry, index=index, group=group: _entry(entry, index, alone=len(group) == 1))  # type: ignore[misc]
    return out.reading()


def _entry(entry: object, group: int, *, alone: bool) -> Signal:
    fields = as_object(entry, "a result")
    label = as_text(first(fields, "label", "entity_group", "entity"), "the label of a result")
    if "label" not in fields and label[:2] in {"B-", "I-"}:
        label = label[2:]
    score = maybe_number(fields.get("score"), "a score")
    if score is None and not alone:
        raise MalformedError("one of several classes has no score")
    return Signal(
        label,
        score=score,
        start=maybe_offset(fields.get("start")),
        end=maybe_offset(fields.get("end")),
        flagged=True if score is None else None,
        group=group,
    )


def _zero_shot(payload: Json, out: Collected) -> None:
    labels = as_list(payload["labels"], "labels")
    scores = as_list(payload["scores"], "scores")
    if len(labels) != len(scores) or not labels:
        raise MalformedError("labels and scores are not as many")
    for label, score in zip(labels, scores, strict=True):
        out.add(Signal(as_text(label, "a label"), score=as_number(score, "a score")))


def _columns(payload: Json, out: Collected) -> None:
    if not payload or not all(isinstance(score, int | float | list) for score in payload.values()):
        raise OtherShapeError
    for label, value in payload.items():
        scores = value if isinstance(value, list) else [value]
        if not scores:
            out.broken("a label has no score")
        out.each(
            list(enumerate(scores)),
            lambda pair, label=label: Signal(label, score=as_number(pair[1], "a score"), group=pair[0]),  # type: ignore[misc]
        )
