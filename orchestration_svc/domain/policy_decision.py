"""Decides what becomes of the content: the policy's rule `decision`, and detectors that fail closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestration_svc.domain.coverage import Coverage
from orchestration_svc.domain.detection import DetectorResult, DetectorStatus
from orchestration_svc.domain.policy import Policy
from orchestration_svc.domain.policy_conflicts import Resolution
from orchestration_svc.domain.policy_plan import MOST_NAMES
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault

MOST_REASONS = 50
_REASON_LENGTH = 300


class Action(StrEnum):
    """What the caller is to do with the content, from the mildest to the strictest."""

    ALLOW = "allow"
    FLAG = "flag"
    REDACT = "redact"
    BLOCK = "block"


class Violation(StrEnum):
    """Why an action is not ``allow``; a closed set, for metrics."""

    NONE = "none"
    FINDING = "finding"
    COVERAGE = "coverage"
    UNMAPPED = "unmapped"
    FAIL_CLOSED = "fail_closed"
    POLICY_ERROR = "policy_error"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy decided.

    Attributes:
        action: for the caller to carry out.
        reasons: the policy's own sentences, and one for each detector that fails closed.
        redact: labels whose findings are to be masked, prefixes of labels included; empty for all.
        failed_closed: detectors that gave nothing and whose policy says that nothing may pass then.
        failed_open: detectors that gave nothing all the same.
        violation: the chief reason, for metrics.
        resolution: the findings that the policy saw.
    """

    action: Action
    reasons: tuple[str, ...]
    redact: tuple[str, ...]
    failed_closed: tuple[str, ...]
    failed_open: tuple[str, ...]
    violation: Violation
    resolution: Resolution


def decision_question(
    plan_question: JsonObject,
    results: Sequence[DetectorResult],
    coverage: Coverage,
    resolution: Resolution,
    *,
    mapped: bool,
) -> JsonObject:
    """Return what the program sees as ``input`` of its rule ``decision``.

    Args:
        plan_question: what it saw before.
        results: one for each detector that was chosen.
        coverage: how much of what had to look did.
        resolution: findings, made one of each label.
        mapped: whether the mapper answered; without it no findings does not mean that there are none.
    """
    return plan_question | {
        "mapped": mapped,
        "findings": [
            {
                "label": one.label,
                "score": one.score,
                "confidence": one.confidence,
                "detectors": list(one.detectors),
                "occurrences": one.occurrences,
            }
            for one in resolution.findings
        ],
        "results": [{"detector": one.detector, "status": one.status.value} for one in results],
        "coverage": {
            "achieved": coverage.achieved,
            "threshold": coverage.threshold,
            "enough": coverage.is_enough,
            "missing": list(coverage.missing),
        },
    }


@dataclass(frozen=True, slots=True)
class Ruling:
    """The value of ``decision``, as it was read.

    Attributes:
        action: for the caller to carry out.
        reasons: the policy's own sentences.
        redact: labels whose findings are to be masked.
    """

    action: Action
    reasons: tuple[str, ...]
    redact: tuple[str, ...]


def decision_of(
    ruling: Ruling,
    policy: Policy,
    results: Sequence[DetectorResult],
    coverage: Coverage,
    resolution: Resolution,
    *,
    mapped: bool,
) -> Decision:
    """Let detectors that fail closed have the last word.

    Required detectors that nobody ran count as failed: who names fewer detectors does not get around them.
    """
    action, reasons = ruling.action, ruling.reasons
    succeeded = {one.detector for one in results if one.status is DetectorStatus.SUCCESS}
    asked = dict.fromkeys([*(one.detector for one in results), *coverage.unseen])
    failed = [name for name in asked if name not in succeeded]
    closed = tuple(name for name in failed if policy.fails_closed(name))
    violation = Violation.NONE
    if closed:
        action = Action.BLOCK
        reasons += tuple(f"detector '{name}' gave nothing and fails closed" for name in closed)
        violation = Violation.FAIL_CLOSED
    elif action is not Action.ALLOW:
        violation = _violation(coverage, resolution, mapped=mapped)
    return Decision(
        action=action,
        reasons=reasons,
        redact=ruling.redact,
        failed_closed=closed,
        failed_open=tuple(name for name in failed if name not in closed),
        violation=violation,
        resolution=resolution,
    )


def _violation(coverage: Coverage, resolution: Resolution, *, mapped: bool) -> Violation:
    if resolution.findings:
        return Violation.FINDING
    if not mapped:
        return Violation.UNMAPPED
    return Violation.REFUSED if coverage.is_enough else Violation.COVERAGE


def ruling_of(answer: object) -> Ruling:
    """Read the value of ``decision``; raises PolicyFault naming the field that is wrong."""
    if not isinstance(answer, dict):
        raise PolicyFault("decision must be an object")
    if unknown := sorted(set(answer) - {"action", "reasons", "redact"}):
        raise PolicyFault(f"decision has a field '{unknown[0][:80]}', which there is not")
    action = answer.get("action")
    if not isinstance(action, str) or action not in {one.value for one in Action}:
        raise PolicyFault(f"decision.action must be one of {', '.join(one.value for one in Action)}")
    reasons = _texts(answer.get("reasons", []), "decision.reasons", MOST_REASONS)
    redact = _texts(answer.get("redact", []), "decision.redact", MOST_NAMES)
    return Ruling(Action(action), reasons, redact)


def _texts(value: object, where: str, most: int) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > most:
        raise PolicyFault(f"{where} must be a list of at most {most} texts")
    if not all(isinstance(one, str) and 0 < len(one) <= _REASON_LENGTH for one in value):
        raise PolicyFault(f"{where} must hold texts of 1 to {_REASON_LENGTH} characters")
    return tuple(value)
