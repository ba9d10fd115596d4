"""What evidence it takes to say that a control is met: who must have looked, how often, and at how much."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from analysis_svc.domain.catalogue import Catalogue, Control, JudgedOn, Relation

ControlKey = tuple[str, str]
"""Framework id and control id."""
Bearing = Sequence[tuple[str, Relation]]
"""Labels that bear on a control, each with how closely."""


class RuleSource(StrEnum):
    """Who declared a rule."""

    SHIPPED = "shipped"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much looking is enough.

    Attributes:
        every_hours: longest time without a clean look, the ends of the period included.
        period_days: shortest period that a statement is made about.
        coverage: least share in [0, 1] of the period's analyses that everyone who must look looked at.
        analyses: least number of such analyses.
    """

    every_hours: float
    period_days: int
    coverage: float
    analyses: int


@dataclass(frozen=True, slots=True)
class Sense:
    """Something that can be looked for, and the detectors that do; one of them is enough.

    Attributes:
        name: of the sense, such as `secrets`.
        title: for people.
        labels: canonical labels that it is there to find.
        detectors: names of those that look for it.
    """

    name: str
    title: str
    labels: frozenset[str]
    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """What must have happened in a period for a control to be called satisfied.

    Attributes:
        senses: names of all that must have been looked for, in each analysis that counts.
        limits: how much looking is enough.
        why: why this shows the control.
        source: who declared it.
    """

    senses: tuple[str, ...]
    limits: Limits
    why: str
    source: RuleSource = RuleSource.SHIPPED


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What a tenant set for one control; None is left to the rule that is shipped."""

    senses: tuple[str, ...] | None = None
    every_hours: float | None = None
    period_days: int | None = None
    coverage: float | None = None
    analyses: int | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """What a tenant set about its evidence.

    Attributes:
        detectors: its own detectors, by the sense that they have.
        rules: by control.
    """

    detectors: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    rules: Mapping[ControlKey, RuleChange] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RuleBook:
    """Every rule that holds.

    Attributes:
        senses: by name; each label of the taxonomy is found by at most one.
        limits: of rules that set none of their own.
        monitoring: controls that ask for the looking itself, with what must be looked for and why.
        chosen: what the tenant set.
    """

    senses: Mapping[str, Sense]
    limits: Limits
    monitoring: Mapping[ControlKey, tuple[tuple[str, ...], str]]
    chosen: ChosenRules = field(default_factory=ChosenRules)

    def with_chosen(self, chosen: ChosenRules) -> "RuleBook":
        """The same book for a tenant that set this."""
        senses = {
            name: replace(
                sense, detectors=tuple(dict.fromkeys((*sense.detectors, *chosen.detectors.get(name, ()))))
            )
            for name, sense in self.senses.items()
        }
        return replace(self, senses=senses, chosen=chosen)

    def rule_of(self, control: Control, bearing: Bearing) -> EvidenceRule | None:
        """Return the rule of a control, or None when no evidence of this kind could show it.

        A control that one request can break asks that everything is looked for which would break it. One
        that is judged on a programme has a rule only where it is declared, by us for those that ask for
        monitoring itself, or by the tenant.
        """
        key = (control.framework, control.id)
        shipped = self._shipped(control, bearing)
        change = self.chosen.rules.get(key)
        if change is None:
            return shipped
        senses = change.senses if change.senses is not None else shipped.senses if shipped else ()
        if not senses:
            return None
        limits = shipped.limits if shipped else self.limits
        return EvidenceRule(
            senses=senses,
            limits=Limits(
                every_hours=limits.every_hours if change.every_hours is None else change.every_hours,
                period_days=limits.period_days if change.period_days is None else change.period_days,
                coverage=limits.coverage if change.coverage is None else change.coverage,
                analyses=limits.analyses if change.analyses is None else change.analyses,
            ),
            why=change.why or (shipped.why if shipped else "Declared by the tenant."),
            source=RuleSource.TENANT,
        )

    def _shipped(self, control: Control, bearing: Bearing) -> EvidenceRule | None:
        if declared := self.monitoring.get((control.framework, control.id)):
            senses, why = declared
            return EvidenceRule(senses, self.limits, why)
        if control.judged_on is not JudgedOn.REQUEST:
            return None
        labels = {label for label, relation in bearing if relation is Relation.DIRECT}
        found = tuple(name for name, sense in self.senses.items() if sense.labels & labels)
        if not found:
            return None
        return EvidenceRule(found, self.limits, "Every kind of finding that would break it was looked for.")


def bearing_on(catalogue: Catalogue, framework: str | None = None) -> Mapping[ControlKey, Bearing]:
    """Turn the catalogue's links around: from each control to the labels that bear on it.

    Args:
        catalogue: whose links.
        framework: controls of this one only; None: of all.
    """
    found: dict[ControlKey, list[tuple[str, Relation]]] = defaultdict(list)
    for label, links in catalogue.links.items():
        for link in links:
            if framework not in (None, link.control.framework):
                continue
            found[link.control.framework, link.control.id].append((label, link.relation))
    return found
