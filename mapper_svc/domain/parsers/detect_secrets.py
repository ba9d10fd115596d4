from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import as_list, as_object, as_text, maybe_offset
from mapper_svc.domain.signals import OtherShapeError, Reading, Signal


def parse(payload: object) -> Reading:
    """Reads a baseline (`{results: {file: [secret]}}`) or a plain list of secrets.

    Neither the hash of a secret nor the name of its file is read. One that an audit marked as no secret
    (`is_secret: false`) is no finding.
    """
    out = Collected()
    if isinstance(payload, dict):
        if "results" not in payload:
            raise OtherShapeError
        for secrets in as_object(payload["results"], "results").values():
            out.part(lambda secrets=secrets: out.each(as_list(secrets, "the secrets of a file"), _secret))  # type: ignore[misc]
        return out.reading()
    if not isinstance(payload, list | tuple):
        raise OtherShapeError
    out.each(payload, _secret)
    return out.reading()


def _secret(entry: object) -> Signal | None:
    fields = as_object(entry, "a secret")
    if fields.get("is_secret") is False:
        return None
    return Signal(
        as_text(fields.get("type"), "the type of a secret"),
        start=maybe_offset(fields.get("start")),
        end=maybe_offset(fields.get("end")),
        flagged=True,
    )
