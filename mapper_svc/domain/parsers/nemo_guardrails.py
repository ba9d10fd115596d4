from mapper_svc.domain.parsers.collected import Collected
from mapper_svc.domain.parsers.typed_fields import Json, as_flag, as_list, as_object, as_text, first, shape
from mapper_svc.domain.signals import MalformedError, OtherShapeError, Reading, Signal

_PASSED = frozenset({"success", "passed", "allowed", "ok"})
_BLOCKED = frozenset({"blocked", "failed", "refused"})


def parse(payload: object) -> Reading:
    """Reads the checks route's `{status, rails_status}` or an action's `{allowed, policy_violations}`.

    Rail names are the user's own flow names, an open vocabulary: only the shipped ones are known.
    """
    if isinstance(payload, dict) and "allowed" in payload:
        return _action(payload)
    body = shape(payload, "status")
    if "rails_status" not in body and "guardrails_data" not in body:
        raise OtherShapeError
    out = Collected()
    out.flagged = _blocked(body["status"])
    rails = body.get("rails_status")
    if rails is not None:
        for name, state in as_object(rails, "rails_status").items():
            out.part(lambda name=name, state=state: _rail(name, state, out))  # type: ignore[misc]
    out.part(lambda: _activated(body, out))
    return out.reading()


def _rail(name: str, state: object, out: Collected) -> None:
    status = state.get("status") if isinstance(state, dict) else state
    if _blocked(status):
        out.flagged = True
        out.add(Signal(as_text(name, "the name of a rail"), flagged=True))


def _activated(body: Json, out: Collected) -> None:
    data = body.get("guardrails_data")
    log = None if data is None else as_object(data, "guardrails_data").get("log")
    rails = None if log is None else as_object(log, "log").get("activated_rails")
    known = {signal.raw for signal in out.signals}
    for entry in () if rails is None else as_list(rails, "activated_rails"):
        rail = as_object(entry, "an activated rail")
        if rail.get("stop") is True:
            out.flagged = True
            name = as_text(rail.get("name"), "the name of a rail")
            if name not in known:
                out.add(Signal(name, flagged=True))


def _blocked(status: object) -> bool:
    name = as_text(status, "a status").lower()
    if name in _BLOCKED:
        return True
    if name in _PASSED:
        return False
    raise MalformedError("a status is neither blocked nor passed")


def _action(body: Json) -> Reading:
    allowed = as_flag(body["allowed"], "allowed")
    violations = first(body, "policy_violations", "violations")
    out = Collected()
    out.flagged = not allowed
    out.each(
        () if violations is None else as_list(violations, "policy_violations"),
        lambda name: Signal(as_text(name, "a policy violation"), flagged=True),
    )
    return out.reading()
