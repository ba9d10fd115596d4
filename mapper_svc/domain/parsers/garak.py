from collections.abc import Sequence

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_list, as_number, as_object, as_text
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_COMPLETE = 2
_PREFIX = "detector."


def parse(payload: object) -> Reading:
    """Reads an attempt of a report, an eval entry, or `{detector, score | scores}` and lists of such.

    1.0 is a hit. Tags are not read: their OWASP numbers are those of 2023, and a tag is the probe's, not the
    detector's. A digest says nothing of one text and is refused.
    """
    out = Collected()
    entries = payload if isinstance(payload, list | tuple) else [payload]
    for entry in entries:
        if not isinstance(entry, dict):
            raise OtherShapeError
        out.part(lambda entry=entry: _entry(entry, out))  # type: ignore[misc]
    return out.reading()


def _entry(entry: Json, out: Collected) -> None:
    match entry.get("entry_type"):
        case "attempt":
            _attempt(entry, out)
        case "eval":
            _evaluated(entry, out)
        case None if "detector" in entry:
            _scores(as_text(entry["detector"], "detector"), entry.get("scores", entry.get("score")), out)
        case None if "detector_results" in entry:
            _results(entry, out)
        case None:
            raise OtherShapeError
        case _:
            raise MalformedError("an entry of the report says nothing of one text")


def _attempt(entry: Json, out: Collected) -> None:
    if entry.get("status") != _COMPLETE:
        raise MalformedError("the attempt is not complete")
    _results(entry, out)


def _results(entry: Json, out: Collected) -> None:
    results = as_object(entry.get("detector_results"), "detector_results")
    if not results:
        raise MalformedError("no detector was run")
    for name, scores in results.items():
        out.part(lambda name=name, scores=scores: _scores(name, scores, out))  # type: ignore[misc]


def _scores(name: str, value: object, out: Collected) -> None:
    scores: Sequence[object] = as_list(value, "scores") if isinstance(value, list | tuple) else [value]
    if not scores:
        raise MalformedError("a detector gave no score")
    label = name.removeprefix(_PREFIX)
    for score in scores:
        if score is None:
            out.broken("a detector could not judge an output")
        else:
            out.each([score], lambda one: Signal(label, score=as_number(one, "a score")))


def _evaluated(entry: Json, out: Collected) -> None:
    label = as_text(entry.get("detector"), "detector").removeprefix(_PREFIX)
    passed = as_number(entry.get("passed"), "passed")
    total = as_number(entry.get("total", entry.get("total_evaluated")), "total")
    if not 0 <= passed <= total or not total:
        raise MalformedError("the counts of an evaluation do not fit")
    if passed < total:
        out.add(Signal(label, score=1.0 - passed / total, flagged=True))
