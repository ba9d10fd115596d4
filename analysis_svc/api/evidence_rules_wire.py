"""What goes over the wire about the rules of evidence."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from analysis_svc.api.status_wire import RuleOut
from analysis_svc.api.wire import Name
from analysis_svc.domain.change_evidence_rules import RulesVersion
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_rules import ChosenRules, ControlKey, RuleBook, RuleChange

SenseName = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z_]*$(?!\n)")]
Why = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


class RuleSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant asks of the evidence for one control; null, or what is left out, is as shipped.

    ``senses``: all that must have been looked for; empty takes the rule away. ``why`` is needed where no rule
    is shipped: it says, in every export, why this shows the control.
    """

    framework: Name
    control: Name
    senses: Annotated[list[SenseName], Meta(max_length=32)] | None = None
    every_hours: Annotated[float, Meta(ge=1, le=8784)] | None = None
    period_days: Annotated[int, Meta(ge=1, le=400)] | None = None
    coverage: Annotated[float, Meta(ge=0.5, le=1)] | None = None
    analyses: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    why: Why | None = None


class RulesSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that a tenant sets. ``detectors``: names of its own detectors, by the sense that they have."""

    detectors: Annotated[
        dict[SenseName, Annotated[list[Name], Meta(max_length=64)]], Meta(max_length=32)
    ] = {}
    rules: Annotated[list[RuleSet], Meta(max_length=500)] = []


class RulesChosen(msgspec.Struct, frozen=True):
    """What the tenant set, in the form that it is set in."""

    detectors: dict[str, list[str]]
    rules: list[RuleSet]


class SenseOut(msgspec.Struct, frozen=True):
    """Something that can be looked for, and the detectors that do; one of them is enough."""

    title: str
    labels: list[str]
    detectors: list[str]


class ControlRuleOut(msgspec.Struct, frozen=True):
    """The rule of one control."""

    framework: str
    control: str
    rule: RuleOut


class RulesOut(msgspec.Struct, frozen=True):
    """Every rule that holds. ``version``: of what the tenant set, 0 when it never set any."""

    version: int
    changed_at: datetime | None
    changed_by: str | None
    set: RulesChosen
    senses: dict[str, SenseOut]
    rules: list[ControlRuleOut]


def chosen_of(data: RulesSet) -> ChosenRules:
    """Turn a request into the domain's.

    Raises:
        ServiceError: INVALID_REQUEST when a control is named twice.
    """
    rules: dict[ControlKey, RuleChange] = {}
    for index, one in enumerate(data.rules):
        key = (one.framework, one.control)
        if key in rules:
            detail = "this control is named twice"
            raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field=f"rules[{index}].control")
        rules[key] = RuleChange(
            senses=None if one.senses is None else tuple(dict.fromkeys(one.senses)),
            every_hours=one.every_hours,
            period_days=one.period_days,
            coverage=one.coverage,
            analyses=one.analyses,
            why=one.why,
        )
    return ChosenRules(
        detectors={name: tuple(dict.fromkeys(many)) for name, many in data.detectors.items()}, rules=rules
    )


def rules_out(version: RulesVersion, book: RuleBook, rules: list[ControlRuleOut]) -> RulesOut:
    """Show what holds beside what the tenant set."""
    chosen = version.chosen
    return RulesOut(
        version=version.version,
        changed_at=version.changed_at,
        changed_by=version.changed_by,
        set=RulesChosen(
            detectors={name: list(many) for name, many in chosen.detectors.items()},
            rules=[_set(key, change) for key, change in chosen.rules.items()],
        ),
        senses={
            name: SenseOut(sense.title, sorted(sense.labels), list(sense.detectors))
            for name, sense in book.senses.items()
        },
        rules=rules,
    )


def _set(key: ControlKey, change: RuleChange) -> RuleSet:
    return RuleSet(
        framework=key[0],
        control=key[1],
        senses=None if change.senses is None else list(change.senses),
        every_hours=change.every_hours,
        period_days=change.period_days,
        coverage=change.coverage,
        analyses=change.analyses,
        why=change.why,
    )
