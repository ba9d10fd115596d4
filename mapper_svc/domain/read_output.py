import dataclasses
import json
import re

from mapper_svc.domain.parsers import PARSERS, generic
from mapper_svc.domain.parsers.generic import LABEL_LIKE
from mapper_svc.domain.signals import MalformedError, OtherShapeError, ParseFailure, Reading, Signal
from mapper_svc.domain.vendor import Vendor

_LIST_OF_JSON = re.compile(r'\[\s*(?:[{"\[]|nul|true|false)')


def read_output(output: object, vendor: Vendor | None) -> Reading | ParseFailure:
    """Reads what a detector said into labels.

    A text that is one of the vendor's labels is exactly that label. Otherwise the vendor's own parser is
    tried, then the generic shape. Anything that neither reads is a ParseFailure, as is null. An empty list is
    one too, unless the vendor's file says that the detector answers so when it finds nothing.

    Args:
        output: decoded JSON; a text may itself hold JSON.
        vendor: whose labels it speaks, or None when nobody knows the detector.
    """
    if isinstance(output, str):
        if vendor is not None and output.strip() in vendor.labels:
            return Reading((Signal(output.strip(), flagged=True),))
        if output.lstrip()[:1] in {"{", "["}:
            try:
                output = _decoded(output)
            except MalformedError as fault:
                return ParseFailure(str(fault))
    try:
        return _read(output, vendor)
    except MalformedError as fault:
        return ParseFailure(str(fault))
    except OtherShapeError:
        return ParseFailure("the output has no shape that is known of this detector")


def _read(output: object, vendor: Vendor | None) -> Reading:
    if output is None:
        raise MalformedError("the output is null")
    if vendor is not None and vendor.empty_list_is_safe:
        return _parse(output, vendor)
    chunks = output if isinstance(output, list | tuple) else (output,)
    if all(_is_empty_list(chunk) for chunk in chunks):
        raise MalformedError("an empty list is no answer that is known of this detector")
    reading = _parse(output, vendor)
    if any(_is_empty_list(chunk) for chunk in chunks):
        reason = "a part of the output is an empty list"
        return dataclasses.replace(reading, broken=(*reading.broken, reason))
    return reading


def _parse(output: object, vendor: Vendor | None) -> Reading:
    if vendor is not None and vendor.number is not None and _is_number(output):
        return Reading((Signal(vendor.number, score=_float(output)),))
    if vendor is not None and vendor.parser is not None:
        try:
            return PARSERS[vendor.parser](output)
        except OtherShapeError:
            pass
    if isinstance(output, str):
        return _bare_label(output)
    return generic.parse(output)


def _bare_label(text: str) -> Reading:
    label = text.strip()
    if not LABEL_LIKE.fullmatch(label) or _looks_like_data(label):
        raise MalformedError("the output is a text and no label")
    return Reading((Signal(label, flagged=True),))


def _looks_like_data(text: str) -> bool:
    """Tells JSON that was cut, a printed list and a page of markup from a label that opens with a bracket."""
    if text[0] in "{<" or text == "[" or _LIST_OF_JSON.match(text):
        return True
    return text[0] == "[" and text[-1] == "]" and "," in text


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise MalformedError("the output is nested too deep") from None
    except ValueError:
        # `[REDACTED_PERSON_1]` and other labels open with a bracket too.
        return text


def _is_empty_list(value: object) -> bool:
    return isinstance(value, list | tuple) and not value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise MalformedError("the output is too large a number") from None
