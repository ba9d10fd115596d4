from collections.abc import Iterator, Mapping

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_list,
    as_object,
    as_text,
    first,
    is_object,
    maybe_offset,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_FILTERS = {
    "csamfilterfilterresult": "csam",
    "maliciousurifilterresult": "malicious_uris",
    "raifilterresult": "rai",
    "piandjailbreakfilterresult": "pi_and_jailbreak",
    "sdpfilterresult": "sdp",
    "virusscanfilterresult": "virus_scan",
}

_MATCH_STATES = ("NO_MATCH_FOUND", "MATCH_FOUND")
_EXECUTIONS = ("EXECUTION_SUCCESS", "EXECUTION_SKIPPED")
_INVOCATIONS = ("SUCCESS", "PARTIAL", "FAILURE")
_LEVELS = ("LOW_AND_ABOVE", "MEDIUM_AND_ABOVE", "HIGH")
"""Enumerations, in the order of their numbers from 1."""


def parse(payload: object) -> Reading:
    """Reads a sanitization result, as REST (camelCase) or the SDK (snake_case) spells it.

    `filterResults` is an object by filter or a list. A filter that was skipped, and an invocation that was
    partial or failed, are no clean results: they are noted as broken.
    """
    if not isinstance(payload, dict):
        raise OtherShapeError
    inner = first(payload, "sanitizationResult", "sanitization_result")
    body: Json = payload if inner is None else as_object(inner, "sanitizationResult")
    state = first(body, "filterMatchState", "filter_match_state")
    results = first(body, "filterResults", "filter_results")
    if state is None and results is None:
        raise OtherShapeError
    out = Collected()
    out.part(lambda: _overall(state, out))
    invocation = first(body, "invocationResult", "invocation_result")
    if invocation is not None and _named(invocation, _INVOCATIONS, "invocationResult") != "SUCCESS":
        out.broken("the invocation did not succeed in full")
    for name, entry in _entries(results):
        out.part(lambda name=name, entry=entry: _result(name, entry, out))  # type: ignore[misc]
    return out.reading()


def _overall(state: object, out: Collected) -> None:
    out.flagged = _matched(state)


def _named(value: object, names: tuple[str, ...], what: str) -> str:
    """Returns the name of an enumeration's value, which the SDK's dictionaries write as its number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= len(names):
        return names[value - 1]
    return as_text(value, what)


def _matched(state: object) -> bool:
    name = _named(state, _MATCH_STATES, "a match state")
    if name not in {"MATCH_FOUND", "NO_MATCH_FOUND"}:
        raise MalformedError("a match state is of no known kind")
    return name == "MATCH_FOUND"


def _entries(results: object) -> list[tuple[str | None, object]]:
    if results is None:
        return []
    if isinstance(results, Mapping):
        return [(str(name), entry) for name, entry in results.items()]
    return [(None, entry) for entry in as_list(results, "filterResults")]


def _result(name: str | None, entry: object, out: Collected) -> None:
    """Reads one filter's result, whichever way the object that holds its states is wrapped."""
    fields = as_object(entry, "a filter result")
    wrapped = [(_filter_name(key), value) for key, value in fields.items() if _is_wrapper(key)]
    if name is None and not wrapped:
        raise MalformedError("a filter result names no filter")
    for known, value in wrapped or [(None, fields)]:
        _filter(known or name or "filter", as_object(value, "a filter result"), out)


def _is_wrapper(key: str) -> bool:
    return key.replace("_", "").lower().endswith("filterresult")


def _filter_name(key: str) -> str | None:
    return _FILTERS.get(key.replace("_", "").lower())


def _filter(name: str, result: Json, out: Collected) -> None:
    if name == "sdp":
        _sdp(result, out)
        return
    found = _state(result, out)
    if name == "rai":
        types = first(result, "raiFilterTypeResults", "rai_filter_type_results")
        before = len(out.signals)
        for kind, state in _types(types):
            if _matched(first(state, "matchState", "match_state")):
                out.add(_signal(f"rai.{kind}", state))
        if found and len(out.signals) == before:
            out.flagged = True
    elif found:
        out.add(_signal(name, result))


def _types(types: object) -> Iterator[tuple[str, Json]]:
    if types is None:
        return
    if is_object(types):
        for kind, state in as_object(types, "raiFilterTypeResults").items():
            yield kind, as_object(state, "a filter type result")
        return
    for entry in as_list(types, "raiFilterTypeResults"):
        fields = as_object(entry, "a filter type result")
        yield as_text(first(fields, "filterType", "filter_type"), "filterType").lower(), fields


def _state(result: Json, out: Collected) -> bool:
    execution = first(result, "executionState", "execution_state")
    if execution is not None and _named(execution, _EXECUTIONS, "executionState") != _EXECUTIONS[0]:
        out.broken("a filter was not executed")
        if first(result, "matchState", "match_state") is None:
            return False
    return _matched(first(result, "matchState", "match_state"))


def _signal(raw: str, fields: Json) -> Signal:
    level = first(fields, "confidenceLevel", "confidence_level")
    name = None if level is None else _named(level, _LEVELS, "confidenceLevel")
    return Signal(raw, severity=name, flagged=True)


def _sdp(result: Json, out: Collected) -> None:
    inspected = first(result, "inspectResult", "inspect_result")
    changed = first(result, "deidentifyResult", "deidentify_result")
    if inspected is None and changed is None:
        raise MalformedError("the data protection filter has no result")
    before = len(out.signals)
    found = False
    if inspected is not None:
        fields = as_object(inspected, "inspectResult")
        found = _state(fields, out)
        findings = fields.get("findings")
        out.each(() if findings is None else as_list(findings, "findings"), _info)
        if first(fields, "findingsTruncated", "findings_truncated") is True:
            out.broken("the list of findings is truncated")
    if changed is not None:
        fields = as_object(changed, "deidentifyResult")
        found = _state(fields, out) or found
        types = first(fields, "infoTypes", "info_types")
        for name in () if types is None else as_list(types, "infoTypes"):
            out.add(Signal(f"sdp.{as_text(name, 'an infoType')}", flagged=True, parent="sdp"))
    if found and len(out.signals) == before:
        out.add(Signal("sdp", flagged=True))


def _info(entry: object) -> Signal:
    fields = as_object(entry, "a finding")
    likelihood = fields.get("likelihood")
    location = fields.get("location")
    place = first(location, "byteRange", "byte_range") if isinstance(location, dict) else None
    span: Json = place if isinstance(place, dict) else {}
    return Signal(
        f"sdp.{as_text(first(fields, 'infoType', 'info_type'), 'infoType')}",
        severity=None if likelihood is None else as_text(likelihood, "likelihood"),
        start=maybe_offset(span.get("start")),
        end=maybe_offset(span.get("end")),
        flagged=True,
        parent="sdp",
    )
