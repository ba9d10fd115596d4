from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_flag, as_list, as_object, shape
from mapper_svc.domain.signals import MalformedError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads a moderation response: the booleans decide, the scores only tell how bad.

    A sub-category counts without its parent; a category that is null was not judged by that model.
    """
    body = shape(payload, "results")
    results = as_list(body["results"], "results")
    if not results:
        raise MalformedError("results is empty")
    out = Collected()
    for result in results:
        out.part(lambda result=result: read_result(as_object(result, "a result"), out))  # type: ignore[misc]
    return out.reading()


def read_result(result: Json, out: Collected) -> None:
    """Reads one result into `out`."""
    try:
        out.flagged = as_flag(result.get("flagged"), "flagged") or out.flagged
    except MalformedError as fault:
        out.broken(str(fault))
    categories = as_object(result.get("categories"), "categories")
    scores = result.get("category_scores")
    score_of = {} if scores is None else as_object(scores, "category_scores")
    judged = 0
    for name, hit in categories.items():
        if hit is None:
            continue
        if not isinstance(hit, bool):
            out.broken("a category is neither true nor false")
            continue
        judged += 1
        if hit:
            out.add(Signal(name, score=out.number(score_of.get(name), "a category score"), flagged=True))
    if not judged and not out.flagged:
        raise MalformedError("no category was judged")
