import re

from mapper_svc.domain.parsers import openai_moderation
from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_flag, as_list, as_object, as_text, shape
from mapper_svc.domain.signals import MalformedError, Reading, Signal

_COMPONENT = re.compile(r"([a-z_]+)=(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


def parse(payload: object) -> Reading:
    """Reads run_shield's `{violation}` or the moderations route's `{results}`.

    In moderations the score of every category is 1.0 when the text is safe, so the booleans decide. The
    codes of run_shield are one comma-separated string, those of moderations a list.
    """
    if isinstance(payload, dict) and "run_shield" in payload:
        payload = payload["run_shield"]
    if isinstance(payload, dict) and "results" in payload:
        return _moderations(payload)
    body = shape(payload, "violation")
    violation = body["violation"]
    if violation is None:
        return Reading()
    return _violation(as_object(violation, "violation"))


def _violation(violation: Json) -> Reading:
    out = Collected()
    out.flagged = True
    level: str | None = None
    try:
        level = as_text(violation.get("violation_level"), "violation_level")
    except MalformedError as fault:
        # It is a violation all the same, and as bad as any.
        out.broken(str(fault))
    out.part(lambda: _kinds(violation, level, out))
    return out.reading()


def _kinds(violation: Json, level: str | None, out: Collected) -> None:
    metadata = violation.get("metadata")
    fields = {} if metadata is None else as_object(metadata, "metadata")
    kind = fields.get("violation_type")
    if kind is None:
        return
    if isinstance(kind, str) and kind.startswith("prompt_injection:"):
        out.signals.extend(_prompt_guard(kind))
        return
    codes = kind.split(",") if isinstance(kind, str) else as_list(kind, "violation_type")
    out.each(
        codes, lambda code: Signal(as_text(code, "a code of violation_type"), severity=level, flagged=True)
    )


def _prompt_guard(kind: str) -> tuple[Signal, ...]:
    parts = [(name, float(number)) for name, number in _COMPONENT.findall(kind)]
    if not parts:
        raise MalformedError("violation_type names no component")
    return tuple(Signal(f"prompt_injection.{name}", score=score) for name, score in parts)


def _moderations(body: Json) -> Reading:
    results = as_list(body["results"], "results")
    if not results:
        raise MalformedError("results is empty")
    out = Collected()
    for entry in results:
        out.part(lambda entry=entry: _moderation(as_object(entry, "a result"), out))  # type: ignore[misc]
    return out.reading()


def _moderation(result: Json, out: Collected) -> None:
    metadata = result.get("metadata")
    fields = {} if metadata is None else as_object(metadata, "metadata")
    if fields.get("scanner_error") is not None:
        # The code scanner fails open: it says flagged=false beside its error.
        raise MalformedError("the shield's scanner failed")
    if result.get("categories"):
        openai_moderation.read_result(result, out)
        return
    flagged = as_flag(result.get("flagged"), "flagged")
    out.flagged = flagged or out.flagged
    codes = fields.get("violation_type")
    if flagged and isinstance(codes, list | tuple | str):
        names = codes.split(",") if isinstance(codes, str) else codes
        out.each(names, lambda code: Signal(as_text(code, "a code of violation_type"), flagged=True))
