"""Reads the answer of a policy's rule `plan`: an object whose every field may be left out."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from orchestration_svc.domain.policy import ConflictStrategy, CoverageMethod, FailMode, Policy
from orchestration_svc.domain.policy_program import PolicyFault

MOST_NAMES = 256
_Choice = TypeVar("_Choice", bound=StrEnum)
_TEXT_LENGTH = 200
_FIELDS = frozenset(
    {
        "allow",
        "categories",
        "conflict",
        "content_types",
        "coverage",
        "covers",
        "detectors",
        "fail_mode",
        "required",
        "thresholds",
        "weights",
    }
)
# The key of "every other" in fail_mode and thresholds.
OTHERS = "default"


class PolicyDeniesError(Exception):
    """The policy refuses the request as a whole: its plan says ``allow: false``."""


def plan_of(answer: object, *, name: str, version: str, description: str = "") -> Policy:
    """Turn the value of ``plan`` into a policy.

    Args:
        answer: the value.
        name: of the policy.
        version: of the policy.
        description: of the policy.

    Raises:
        PolicyFault: naming the field that is wrong.
        PolicyDeniesError: when the plan says so.
    """
    plan = _object(answer, "plan")
    if unknown := sorted(set(plan) - _FIELDS):
        raise PolicyFault(f"plan has a field '{_short(unknown[0])}', which there is not")
    allow = plan.get("allow", True)
    if not isinstance(allow, bool):
        raise PolicyFault("plan.allow must be true or false")
    if not allow:
        raise PolicyDeniesError
    coverage = _object(plan.get("coverage", {}), "plan.coverage")
    if unknown := sorted(set(coverage) - {"method", "threshold"}):
        raise PolicyFault(f"plan.coverage has a field '{_short(unknown[0])}', which there is not")
    thresholds = _numbers(plan.get("thresholds", {}), "plan.thresholds", most=1.0)
    fail_modes = {
        name: _one_of(FailMode, mode, f"plan.fail_mode.{name}")
        for name, mode in _object(plan.get("fail_mode", {}), "plan.fail_mode").items()
    }
    weights = _numbers(plan.get("weights", {}), "plan.weights", most=1e6)
    if any(weight <= 0 for weight in weights.values()):
        raise PolicyFault("plan.weights must be above 0")
    policy = Policy(
        name=name,
        version=version,
        description=description,
        content_types=frozenset(_names(plan.get("content_types", ["text/plain"]), "plan.content_types")),
        detectors=_names(plan["detectors"], "plan.detectors") if "detectors" in plan else None,
        required=_names(plan["required"], "plan.required") if "required" in plan else None,
        coverage_method=_one_of(
            CoverageMethod, coverage.get("method", CoverageMethod.REQUIRED_SET.value), "plan.coverage.method"
        ),
        coverage_threshold=_share(coverage.get("threshold", 0.8), "plan.coverage.threshold"),
        weights=MappingProxyType(weights),
        covers=MappingProxyType(
            {
                name: _names(categories, f"plan.covers.{name}")
                for name, categories in _object(plan.get("covers", {}), "plan.covers").items()
            }
        ),
        categories=_names(plan.get("categories", []), "plan.categories"),
        conflict=_one_of(
            ConflictStrategy, plan.get("conflict", ConflictStrategy.MOST_RESTRICTIVE.value), "plan.conflict"
        ),
        thresholds=MappingProxyType({name: one for name, one in thresholds.items() if name != OTHERS}),
        threshold=thresholds.get(OTHERS, 0.0),
        fail_modes=MappingProxyType({name: one for name, one in fail_modes.items() if name != OTHERS}),
        fail_mode=fail_modes.get(OTHERS, FailMode.OPEN),
    )
    return _consistent(policy)


def _consistent(policy: Policy) -> Policy:
    if not policy.content_types:
        raise PolicyFault("plan.content_types is empty")
    if policy.detectors is not None:
        if not policy.detectors:
            raise PolicyFault("plan.detectors is empty; leave it out to run every detector")
        if beyond := sorted(set(policy.required or ()) - set(policy.detectors)):
            raise PolicyFault(f"plan.required names '{beyond[0]}', which plan.detectors does not run")
    if policy.coverage_method is CoverageMethod.TAXONOMY and not policy.categories:
        raise PolicyFault("plan.categories is empty; TAXONOMY coverage counts them")
    return policy


def _object(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or len(value) > MOST_NAMES:
        raise PolicyFault(f"{where} must be an object of at most {MOST_NAMES} fields")
    return value


def _names(value: object, where: str) -> tuple[str, ...]:
    # A set of Rego is a list of JSON.
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        raise PolicyFault(f"{where} must be a list of at most {MOST_NAMES} names")
    if not all(isinstance(one, str) and 0 < len(one) <= _TEXT_LENGTH for one in value):
        raise PolicyFault(f"{where} must hold names of 1 to {_TEXT_LENGTH} characters")
    return tuple(dict.fromkeys(value))


def _numbers(value: object, where: str, *, most: float) -> dict[str, float]:
    return {name: _number(one, f"{where}.{name}", most) for name, one in _object(value, where).items()}


def _share(value: object, where: str) -> float:
    return _number(value, where, 1.0)


def _number(value: object, where: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise PolicyFault(f"{_short(where)} must be a number from 0 to {most:g}")
    return float(value)


def _one_of(kind: type[_Choice], value: object, where: str) -> _Choice:
    if isinstance(value, str) and value in {one.value for one in kind}:
        return kind(value)
    allowed = ", ".join(one.value for one in kind)
    raise PolicyFault(f"{_short(where)} must be one of {allowed}")


def _short(name: str) -> str:
    return name[:80]
