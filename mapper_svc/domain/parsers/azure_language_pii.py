from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_list,
    as_object,
    as_text,
    first,
    maybe_offset,
    shape,
)
from mapper_svc.domain.signals import MalformedError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads documents and their entities; a document under `errors` was not looked at.

    The answer may be wrapped in `results`, be that of an asynchronous job, or be the list of entities alone.
    """
    out = Collected()
    if isinstance(payload, list | tuple) and payload and all(_is_entity(entry) for entry in payload):
        out.each(payload, lambda entry: _entity(entry, out))
    elif isinstance(payload, dict) and isinstance(payload.get("tasks"), dict):
        _job(payload, out)
    else:
        _answer(payload, out)
    return out.reading()


def _is_entity(entry: object) -> bool:
    return isinstance(entry, dict) and "category" in entry and "confidenceScore" in entry


def _job(job: Json, out: Collected) -> None:
    """Reads an asynchronous job: one that has not ended, or not well, has not looked at everything."""
    if job.get("status") != "succeeded":
        raise MalformedError("the job has not succeeded")
    items = as_list(as_object(job["tasks"], "tasks").get("items"), "the items of the job")
    if not items:
        raise MalformedError("the job has no result")
    for item in items:
        out.part(lambda item=item: _answer(as_object(item, "an item of the job"), out))  # type: ignore[misc]


def _answer(payload: object, out: Collected) -> None:
    if isinstance(payload, dict) and isinstance(payload.get("results"), dict):
        payload = payload["results"]
    body = shape(payload, "documents")
    documents = as_list(body["documents"], "documents")
    errors = body.get("errors")
    failed = () if errors is None else as_list(errors, "errors")
    if not documents and not failed:
        raise MalformedError("there is no document")
    if failed:
        out.broken("the service could not look at a document")
    for document in documents:
        out.part(lambda document=document: _document(document, out))  # type: ignore[misc]


def _document(document: object, out: Collected) -> None:
    fields = as_object(document, "a document")
    out.each(as_list(fields.get("entities"), "entities"), lambda entry: _entity(entry, out))


def _entity(entry: object, out: Collected) -> Signal:
    fields = as_object(entry, "an entity")
    # Since 2024-11-01 what was a category is a type; an age once was a quantity of that subcategory.
    name = as_text(first(fields, "category", "type"), "the category of an entity")
    if name == "Quantity" and fields.get("subcategory") == "Age":
        name = "Age"
    start, length = maybe_offset(fields.get("offset")), maybe_offset(fields.get("length"))
    return Signal(
        name,
        score=out.number(fields.get("confidenceScore"), "a confidence score"),
        start=start,
        end=None if start is None or length is None else start + length,
        flagged=True,
    )
