from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    as_list,
    as_object,
    as_text,
    maybe_number,
    maybe_offset,
    shape,
)
from mapper_svc.domain.signals import MalformedError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads documents and their entities; a document under `errors` was not looked at."""
    if isinstance(payload, dict) and isinstance(payload.get("results"), dict):
        payload = payload["results"]
    body = shape(payload, "documents")
    documents = as_list(body["documents"], "documents")
    errors = body.get("errors")
    failed = () if errors is None else as_list(errors, "errors")
    if not documents and not failed:
        raise MalformedError("there is no document")
    out = Collected()
    if failed:
        out.broken("the service could not look at a document")
    for document in documents:
        out.part(lambda document=document: _document(document, out))  # type: ignore[misc]
    return out.reading()


def _document(document: object, out: Collected) -> None:
    fields = as_object(document, "a document")
    out.each(as_list(fields.get("entities"), "entities"), _entity)


def _entity(entry: object) -> Signal:
    fields = as_object(entry, "an entity")
    start, length = maybe_offset(fields.get("offset")), maybe_offset(fields.get("length"))
    return Signal(
        as_text(fields.get("category"), "the category of an entity"),
        score=maybe_number(fields.get("confidenceScore"), "a confidence score"),
        start=start,
        end=None if start is None or length is None else start + length,
        flagged=True,
    )
