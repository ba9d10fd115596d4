"""What a version has to show, from the committed list; and whether it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mapper_svc.adapters.marked_yaml import Value, read_yaml

GATES_FILE = Path(__file__).parents[2] / "data" / "evaluation_gates.yaml"
"""The list that comes with the pipelines."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on one figure.

    Attributes:
        figure: name of the figure.
        bound: the last value that is good enough.
        at_least: whether larger is better.
    """

    figure: str
    bound: float
    at_least: bool

    def holds(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{self.figure} {'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing that a version has to show.

    Attributes:
        name: name of the gate, and of its asset check.
        limits: bounds, all of which must hold.
        why: why it is asked.
        source: where the numbers come from.
    """

    name: str
    limits: tuple[Limit, ...]
    why: str
    source: str

    @property
    def required(self) -> str:
        """The bounds in words."""
        return " and ".join(str(limit) for limit in self.limits)


class GateOutcome(msgspec.Struct, frozen=True):
    """A gate with what was found.

    Attributes:
        name: name of the gate.
        passed: whether every bound holds.
        required: the bounds in words.
        found: the figures in words, or what is missing.
        why: why the gate is there.
        bounds: the bound of each figure.
    """

    name: str
    passed: bool
    required: str
    found: str
    why: str
    bounds: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Found:
    """A figure for the gates.

    Attributes:
        value: the figure; None when it could not be measured, which passes no gate.
        note: what a reader should know of it.
    """

    value: float | None
    note: str = ""

    def __str__(self) -> str:
        said = "not measured" if self.value is None else f"{self.value:.4g}"
        return f"{said} ({self.note})" if self.note else said


def load_gates(known: Sequence[str], path: Path = GATES_FILE) -> tuple[Gate, ...]:
    """Loads the list of gates.

    Args:
        known: names of the figures that there are; each must be bounded by some gate.
        path: the list.

    Raises:
        DataFaultError: the file breaks its schema, bounds a figure that there is not, or leaves one out.
    """
    root = read_yaml(path).section(required=frozenset({"gates"}), optional=frozenset())
    gates = tuple(_gate(key.key, value, frozenset(known)) for key, value in root["gates"].fields())
    bounded = {limit.figure for gate in gates for limit in gate.limits}
    for missing in sorted(set(known) - bounded):
        raise root["gates"].fault(f"no gate bounds {missing}")
    return gates


def _gate(name: str, value: Value, known: frozenset[str]) -> Gate:
    fields = value.section(required=frozenset({"limits", "why", "source"}), optional=frozenset())
    limits = tuple(_limit(one, known) for one in fields["limits"].items())
    if not limits:
        raise value.fault("a gate has at least one limit")
    return Gate(name, limits, fields["why"].text(), fields["source"].text())


def _limit(value: Value, known: frozenset[str]) -> Limit:
    fields = value.section(required=frozenset({"figure"}), optional=frozenset({"at_least", "at_most"}))
    figure = fields["figure"].text()
    if figure not in known:
        raise fields["figure"].fault(f"is no figure; the figures are {', '.join(sorted(known))}")
    bounds = [name for name in ("at_least", "at_most") if name in fields]
    if len(bounds) != 1:
        raise value.fault("a limit has either at_least or at_most")
    return Limit(figure, fields[bounds[0]].number(0, 1_000_000), at_least=bounds[0] == "at_least")


def pass_gates(gates: Sequence[Gate], figures: Mapping[str, Found]) -> tuple[GateOutcome, ...]:
    """Returns what comes of each gate. A figure that could not be measured is not good enough."""
    return tuple(
        GateOutcome(
            name=gate.name,
            passed=all(_holds(limit, figures[limit.figure]) for limit in gate.limits),
            required=gate.required,
            found=", ".join(f"{limit.figure} {figures[limit.figure]}" for limit in gate.limits),
            why=gate.why,
            bounds={limit.figure: limit.bound for limit in gate.limits},
        )
        for gate in gates
    )


def _holds(limit: Limit, found: Found) -> bool:
    return found.value is not None and limit.holds(found.value)
