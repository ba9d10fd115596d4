import json
import re
from collections.abc import Iterable

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.generated_text import generated_texts, is_sentence
from mapper_svc.domain.parsers.typed_fields import Json, as_text, first
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_THINK = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_LINE = re.compile(
    r"^\s*(?:prompt|response|user|agent)\s+(?:harm|safety|refusal)\s*:\s*(\S+)\s*$", re.IGNORECASE
)
_CATEGORIES = re.compile(r"^\s*safety categories\s*:\s*(.+)$", re.IGNORECASE)
_CODE = re.compile(r"S(\d{1,2})")
_NAMED_CODE = re.compile(r"\A(S\d{1,2})\s*[:\-]\s*[^\d\s].*\Z")
_OBJECT = re.compile(r"(?:```(?:json)?\s*)?(\{.*\})(?:\s*```)?", re.DOTALL)
_LONGEST = 20_000
_FIRST_SHIFTED = 14
_LAST_OF_22 = 22
_HITS = frozenset({"harmful", "unsafe", "refusal"})
_CLEAN = frozenset({"unharmful", "safe", "compliance"})
_VERDICT_FIELDS = ("User Safety", "Response Safety")
_CATEGORIES_FIELD = "Safety Categories"


def parse(payload: object) -> Reading:
    """Reads the verdict lines of the 22-class models, or their JSON with `Safety Categories`.

    A reasoning model puts `<think>…</think>` before its verdict. A code of S23, or the category "Other",
    shows the 23-class list, on which every code from S14 means something else: such codes are then given
    a name that no label file knows, so that they come out as unknown rather than wrong.
    """
    return _guarded(_read(payload))


def parse_23(payload: object) -> Reading:
    """Reads the same shapes with the codes of the 23-class list."""
    return _read(payload)


def _read(payload: object) -> Reading:
    texts = generated_texts(payload)
    if texts is not None:
        out = Collected()
        for text in texts:
            out.part(lambda text=text: out.join(_text_verdict(text)))  # type: ignore[misc]
        return out.reading()
    if isinstance(payload, dict):
        fields: Json = payload
        if any(name in fields for name in _VERDICT_FIELDS):
            return _json_verdict(fields)
        verdict = first(fields, "text", "generated_text", "output")
        if verdict is None:
            raise OtherShapeError
        return _text_verdict(as_text(verdict, "the verdict"))
    if isinstance(payload, str):
        return _text_verdict(payload)
    raise OtherShapeError


def _text_verdict(text: str) -> Reading:
    if len(text) > _LONGEST:
        raise MalformedError("the verdict is too long to be one")
    verdicts: list[str] = []
    categories: list[str] = []
    body = _THINK.sub("", text).strip()
    if body.lower().startswith("<think>"):
        raise MalformedError("the verdict ends before its reasoning does")
    if inner := _OBJECT.fullmatch(body):
        return _json_in_text(inner.group(1))
    foreign = False
    for line in body.splitlines():
        if found := _LINE.match(line):
            verdicts.append(found.group(1).lower())
        elif listed := _CATEGORIES.match(line):
            categories = _split(listed.group(1))
        else:
            foreign = foreign or bool(line.strip())
    if not verdicts:
        if is_sentence(body):
            raise MalformedError("the model wrote something else than a verdict")
        raise OtherShapeError
    out = Collected()
    if foreign:
        out.broken("a line is no verdict")
    out.join(_reading(verdicts, categories))
    return out.reading()


def _json_in_text(text: str) -> Reading:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError("the verdict is JSON that is cut or broken") from None
    if not isinstance(fields, dict) or not any(name in fields for name in _VERDICT_FIELDS):
        raise MalformedError("the verdict is JSON of another shape")
    return _json_verdict(fields)


def _json_verdict(fields: Json) -> Reading:
    out = Collected()
    verdicts: list[str] = []
    for name in _VERDICT_FIELDS:
        if name in fields:
            out.part(lambda name=name: verdicts.append(as_text(fields[name], name).lower()))  # type: ignore[misc]
    categories: list[str] = []
    out.part(lambda: categories.extend(_listed(fields.get(_CATEGORIES_FIELD))))
    out.join(_reading(verdicts, categories))
    return out.reading()


def _listed(value: object) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return [as_text(one, "a category") for one in value]
    return _split(as_text(value, _CATEGORIES_FIELD))


def _split(listed: str) -> list[str]:
    return [_NAMED_CODE.sub(r"\1", name.strip()) for name in listed.split(",") if name.strip()]


def _reading(verdicts: list[str], categories: list[str]) -> Reading:
    broken = tuple({"a verdict is of no known kind": None} for one in verdicts if one not in _HITS | _CLEAN)
    hits = [one for one in dict.fromkeys(verdicts) if one in _HITS]
    harm = [one for one in hits if one != "refusal"]
    named: Iterable[str] = categories if harm or categories else ()
    signals = [Signal(name, flagged=True) for name in named]
    # The umbrella verdict is a finding of its own only where no category narrows it down.
    signals += [Signal(one, flagged=True) for one in hits if one == "refusal" or not categories]
    return Reading(
        tuple(signals), flagged=bool(harm), broken=("a verdict is of no known kind",) if broken else ()
    )


def _guarded(reading: Reading) -> Reading:
    numbers = [int(found.group(1)) for one in reading.signals if (found := _CODE.fullmatch(one.raw))]
    other_list = any(number > _LAST_OF_22 for number in numbers) or any(
        one.raw.casefold() == "other" for one in reading.signals
    )
    if not other_list:
        return reading
    return Reading(
        tuple(_renamed(one) for one in reading.signals), flagged=reading.flagged, broken=reading.broken
    )


def _renamed(signal: Signal) -> Signal:
    found = _CODE.fullmatch(signal.raw)
    if found is None or int(found.group(1)) < _FIRST_SHIFTED:
        return signal
    return Signal(
        f"{signal.raw} of another list",
        flagged=True,
        note="The payload speaks the 23-class list, on which codes from S14 mean something else.",
    )
