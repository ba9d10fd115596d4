"""Gateways that answer with a list of the checks that fired: Pangea, F5, Aporia, Guardrails AI."""

from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_flag, as_list, as_object, as_text, shape
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal


def parse_pangea(payload: object) -> Reading:
    """Reads Pangea AI Guard's `{result: {blocked, detectors: {name: {detected}}}}`."""
    body = shape(payload, "result")
    if body.get("status", "Success") != "Success":
        raise MalformedError("the call did not succeed")
    result = as_object(body["result"], "result")
    detectors = as_object(result.get("detectors"), "detectors")
    out = Collected()
    blocked = result.get("blocked")
    out.flagged = False if blocked is None else as_flag(blocked, "blocked")
    for name, state in detectors.items():
        out.part(lambda name=name, state=state: _pangea(name, state, out))  # type: ignore[misc]
    if not detectors and blocked is None:
        raise MalformedError("no detector was run")
    return out.reading()


def _pangea(name: str, state: object, out: Collected) -> None:
    if as_flag(as_object(state, "a detector").get("detected"), "detected"):
        out.add(Signal(name, flagged=True))


def parse_f5(payload: object) -> Reading:
    """Reads CalypsoAI's scanner results: scanners are the tenant's, known by opaque ids that are not read."""
    body = shape(payload, "result")
    result = as_object(body["result"], "result")
    outcome = as_text(result.get("outcome"), "outcome")
    if outcome not in {"cleared", "flagged", "redacted", "blocked"}:
        raise MalformedError("the outcome is of no known kind")
    out = Collected()
    out.flagged = outcome != "cleared"
    rows = result.get("scannerResults")
    out.each(() if rows is None else as_list(rows, "scannerResults"), _scanner)
    if out.flagged:
        out.add(Signal(outcome, flagged=True))
    return out.reading()


def _scanner(entry: object) -> Signal | None:
    outcome = as_text(as_object(entry, "a scanner result").get("outcome"), "the outcome of a scanner")
    if outcome not in {"passed", "failed"}:
        raise MalformedError("the outcome of a scanner is of no known kind")
    return Signal("scannerId", flagged=True) if outcome == "failed" else None


def parse_aporia(payload: object) -> Reading:
    """Reads Aporia's explain log: policies are the tenant's, known by numbers that are not read."""
    body = shape(payload, "action")
    if "explain_log" not in body and "policy_execution_result" not in body:
        raise OtherShapeError
    action = as_text(body["action"], "action")
    if action not in {"passthrough", "modify", "rephrase", "block"}:
        raise MalformedError("the action is of no known kind")
    out = Collected()
    out.flagged = action != "passthrough"
    log = body.get("explain_log")
    out.each(() if log is None else as_list(log, "explain_log"), _explained)
    return out.reading()


def _explained(entry: object) -> Signal | None:
    result = as_text(as_object(entry, "an entry of the log").get("result"), "result")
    return Signal(result, flagged=True) if result != "no_issue" else None


def parse_guardrails_ai(payload: object) -> Reading:
    """Reads a validation outcome: its summaries list failures only, and it may fail without any."""
    body = shape(payload, "validationPassed")
    if body.get("error") is not None:
        raise MalformedError("the guard answered with an error")
    out = Collected()
    out.flagged = not as_flag(body["validationPassed"], "validationPassed")
    summaries = body.get("validationSummaries")
    out.each(() if summaries is None else as_list(summaries, "validationSummaries"), _summary)
    return out.reading()


def _summary(entry: object) -> Signal | None:
    fields: Json = as_object(entry, "a summary")
    status = as_text(fields.get("validatorStatus"), "validatorStatus").lower()
    if status == "pass":
        return None
    return Signal(as_text(fields.get("validatorName"), "validatorName"), flagged=True)
