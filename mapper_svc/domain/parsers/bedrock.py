from collections.abc import Sequence

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import (
    Json,
    as_list,
    as_number,
    as_object,
    as_text,
    maybe_number,
    maybe_offset,
    shape,
)
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_PROVED_FALSE = frozenset({"invalid", "impossible", "satisfiable"})
_PROVED_TRUE = frozenset({"valid"})
_CHECKS = (
    ("contentFilter", "contentFilter.category=", "category", "severityScore"),
    ("promptAttack", "promptAttack.category=", "category", "severityScore"),
    ("sensitiveInformation", "sensitiveInformation.type=", "type", "confidenceScore"),
)


def parse_apply(payload: object) -> Reading:
    """Reads ApplyGuardrail. A filter in detect mode has the action NONE and is a finding all the same.

    Names of topics, words and patterns are the tenant's own and are not read; nor is the matched text.
    """
    body = shape(payload, "action")
    if "assessments" not in body and "outputs" not in body:
        raise OtherShapeError
    action = as_text(body["action"], "action")
    if action not in {"NONE", "GUARDRAIL_INTERVENED"}:
        raise MalformedError("the action is neither NONE nor GUARDRAIL_INTERVENED")
    out = Collected()
    out.flagged = action == "GUARDRAIL_INTERVENED"
    assessments = body.get("assessments")
    if assessments is not None:
        for entry in as_list(assessments, "assessments"):
            out.part(lambda entry=entry: _assessment(as_object(entry, "an assessment"), out))  # type: ignore[misc]
    return out.reading()


def _assessment(assessment: Json, out: Collected) -> None:
    out.each(_entries(assessment, "contentPolicy", "filters"), lambda one: _content(one, out))
    out.each(
        _entries(assessment, "topicPolicy", "topics"), lambda one: _typed(one, "topicPolicy.topics[].type=")
    )
    out.each(
        _entries(assessment, "wordPolicy", "customWords"), lambda one: _fixed(one, "wordPolicy.customWords")
    )
    managed = "wordPolicy.managedWordLists[].type="
    out.each(_entries(assessment, "wordPolicy", "managedWordLists"), lambda one: _typed(one, managed))
    private = "sensitiveInformationPolicy"
    entity = f"{private}.piiEntities[].type="
    out.each(_entries(assessment, private, "piiEntities"), lambda one: _typed(one, entity))
    out.each(_entries(assessment, private, "regexes"), lambda one: _fixed(one, f"{private}.regexes[].name"))
    out.each(_entries(assessment, "contextualGroundingPolicy", "filters"), lambda one: _grounding(one, out))
    out.each(_entries(assessment, "automatedReasoningPolicy", "findings"), _reasoning)


def _entries(assessment: Json, policy: str, member: str) -> Sequence[object]:
    found = assessment.get(policy)
    entries = None if found is None else as_object(found, policy).get(member)
    return () if entries is None else as_list(entries, f"{policy}.{member}")


def _detected(entry: object) -> Json | None:
    fields = as_object(entry, "an entry of a policy")
    detected = fields.get("detected")
    if detected is not None and not isinstance(detected, bool):
        raise MalformedError("detected is neither true nor false")
    return None if detected is False else fields


def _content(entry: object, out: Collected) -> Signal | None:
    fields = _detected(entry)
    if fields is None:
        return None
    name = as_text(fields.get("type"), "the type of a filter")
    hit = True if fields.get("detected") is True or fields.get("action") == "BLOCKED" else None
    level: str | None = None
    try:
        level = as_text(fields.get("confidence"), "the confidence of a filter")
    except MalformedError as fault:
        if not hit:
            raise
        out.broken(str(fault))
    return Signal(f"contentPolicy.filters[].type={name}", severity=level, flagged=hit)


def _typed(entry: object, prefix: str) -> Signal | None:
    fields = _detected(entry)
    if fields is None:
        return None
    return Signal(prefix + as_text(fields.get("type"), "the type of an entry"), flagged=True)


def _fixed(entry: object, label: str) -> Signal | None:
    return None if _detected(entry) is None else Signal(label, flagged=True)


def _grounding(entry: object, out: Collected) -> Signal | None:
    """The score says how well the answer is grounded: under the guardrail's own threshold it is a hit."""
    fields = _detected(entry)
    if fields is None:
        return None
    name = as_text(fields.get("type"), "the type of a filter")
    what = "a grounding score"
    blocked = fields.get("action") == "BLOCKED"
    score = out.number(fields.get("score"), what) if blocked else as_number(fields.get("score"), what)
    threshold = maybe_number(fields.get("threshold"), "a grounding threshold")
    below = threshold is not None and score is not None and score < threshold
    hit = True if below or blocked else None
    above = threshold is not None and score is not None and score >= threshold
    if hit is None and fields.get("action") == "NONE" and above:
        return None
    return Signal(f"contextualGroundingPolicy.filters[].type={name}", score=score, flagged=hit)


def _reasoning(entry: object) -> Signal | None:
    kinds = set(as_object(entry, "a reasoning finding"))
    if kinds & _PROVED_FALSE:
        return Signal("automatedReasoningPolicy", flagged=True)
    if kinds and kinds <= _PROVED_TRUE:
        return None
    raise MalformedError("automated reasoning came to no result")


def parse_checks(payload: object) -> Reading:
    """Reads InvokeGuardrailChecks: it only detects, in severity steps of 0.2, and never blocks."""
    results = as_object(shape(payload, "results")["results"], "results")
    if all(results.get(name) is None for name, _, _, _ in _CHECKS):
        raise MalformedError("no check was run that is known")
    out = Collected()
    known = {name for name, _, _, _ in _CHECKS}
    if any(check is not None for name, check in results.items() if name not in known):
        out.broken("a check is of a kind that is not known")
    for check, prefix, label, score in _CHECKS:
        if results.get(check) is not None:
            out.part(
                lambda check=check, prefix=prefix, label=label, score=score: _check(  # type: ignore[misc]
                    as_object(results[check], check), prefix, (label, score), out
                )
            )
    return out.reading()


def _check(check: Json, prefix: str, names: tuple[str, str], out: Collected) -> None:
    label, score = names
    if check.get("truncated") is True:
        out.broken("the list of a check is truncated")

    def entry(one: object) -> Signal:
        fields = as_object(one, "a result of a check")
        return Signal(
            prefix + as_text(fields.get(label), "the label of a result"),
            score=as_number(fields.get(score), "the score of a result"),
            start=maybe_offset(fields.get("beginOffset")),
            end=maybe_offset(fields.get("endOffset")),
        )

    out.each(as_list(check.get("results"), "the results of a check"), entry)
