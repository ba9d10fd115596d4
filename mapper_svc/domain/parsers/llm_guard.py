import re
from collections.abc import Sequence

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_flag, as_number, as_object, as_text, first, shape
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_PLACEHOLDER = re.compile(r"\[REDACTED_([A-Z0-9_]{1,60}?)_\d+\]")
_TEXT_VALID_RISK = 3
_ROUTES = ("analyze_prompt", "scan_prompt", "analyze_output", "scan_output")


def parse(payload: object) -> Reading:
    """Reads the API's `{is_valid, scanners}`.

    A scanner's value is a risk in [-1, 1] and above zero is a hit; `is_valid` is the AND over all of them.
    The sanitized text is not read. `detail` alone is the API's own error (408 when it ran out of time).
    """
    if isinstance(payload, dict):
        payload = first(payload, *_ROUTES) or payload
    elif isinstance(payload, list | tuple):
        payload = _of_the_library(payload)
    if isinstance(payload, dict) and "detail" in payload and "scanners" not in payload:
        raise MalformedError("the API answered with an error")
    if not isinstance(payload, dict) or not {"is_valid", "scanners"} & payload.keys():
        raise OtherShapeError
    body: Json = payload
    out = Collected()
    out.part(lambda: _valid(body, out))
    out.part(lambda: _scanners(body.get("scanners"), out))
    return out.reading()


def _of_the_library(payload: Sequence[object]) -> object:
    """Returns what the library itself answers, `[text, {scanner: valid}, {scanner: risk}]`, as the API's."""
    if len(payload) != _TEXT_VALID_RISK:
        raise OtherShapeError
    text, valid, risks = payload
    if not isinstance(text, str) or not isinstance(valid, dict) or not isinstance(risks, dict):
        raise OtherShapeError
    return {"is_valid": all(one is True for one in valid.values()), "scanners": risks}


def _valid(body: Json, out: Collected) -> None:
    out.flagged = not as_flag(body.get("is_valid"), "is_valid")


def _scanners(value: object, out: Collected) -> None:
    scanners = as_object(value, "scanners")
    if not scanners and not out.flagged:
        raise MalformedError("no scanner was run")
    out.each(list(scanners.items()), _scanner)


def _scanner(entry: object) -> Signal | None:
    if not isinstance(entry, tuple):
        raise MalformedError("scanners is no object")
    name, value = entry
    score = as_number(value, "the score of a scanner")
    if score < -1.0:
        raise MalformedError("the score of a scanner is below -1")
    # A number that is none (NaN) must reach the scale, which refuses it.
    return None if score <= 0.0 else Signal(str(name), score=score, flagged=True)


def parse_placeholders(payload: object) -> Reading:
    """Reads the placeholders that Anonymize leaves in a text; the text around them is not read."""
    if isinstance(payload, dict):
        payload = first(payload, "sanitized_prompt", "sanitized_output")
    if not isinstance(payload, str):
        raise OtherShapeError
    names = _PLACEHOLDER.findall(payload)
    if not names:
        raise OtherShapeError
    return Reading(tuple(Signal(name, flagged=True) for name in names))


def parse_secrets(payload: object) -> Reading:
    """Reads `{scanner: Secrets, risk}`: which plugin matched is lost on the way."""
    body = shape(payload, "scanner", "risk")
    as_text(body["scanner"], "scanner")
    risk = as_number(body["risk"], "risk")
    if not -1.0 <= risk <= 1.0:
        raise MalformedError("the risk is outside [-1, 1]")
    return Reading(flagged=risk > 0.0)
