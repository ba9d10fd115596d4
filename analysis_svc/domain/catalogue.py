"""What analysis knows before any request: labels, frameworks, and which label bears on which control."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from analysis_svc.domain.detector_figures import DetectorFigures
from analysis_svc.domain.severity_calibration import SeverityCalibration

SAFE = "OTHER.Safe"
MODEL_ERROR = "OTHER.ModelError"
UNKNOWN = "OTHER.Unknown"
NEEDS_REVIEW = "OTHER.NeedsReview"
OPEN_LABELS = frozenset({MODEL_ERROR, UNKNOWN, NEEDS_REVIEW})
"""What these say is that something is open, not that anything was found."""


class Relation(StrEnum):
    """How closely a finding with a label bears on a control."""

    DIRECT = "direct"
    """The finding is itself the kind of event that the control is about."""
    SUPPORTING = "supporting"
    """Whoever assesses the control would want to see the finding."""
    RELATED = "related"
    """The finding matters to the control only in some settings, for instance in a covered entity."""

    @property
    def weight(self) -> float:
        """Share of a finding's strength that counts when entries and citations are ranked."""
        return _RELATION_WEIGHT[self]


_RELATION_WEIGHT = {Relation.DIRECT: 1.0, Relation.SUPPORTING: 0.6, Relation.RELATED: 0.3}


class Priority(StrEnum):
    """How soon something deserves attention; declared in the order of urgency."""

    IMMEDIATE = "immediate"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class JudgedOn(StrEnum):
    """What it takes to say that a control failed."""

    REQUEST = "request"
    """One finding can show that the control's aim was not met, for instance a secret in an answer."""
    PROGRAMME = "programme"
    """Purpose, legal basis or a whole process decides; a single text never shows a violation."""


@dataclass(frozen=True, slots=True)
class Label:
    """A canonical label of the taxonomy with its inherent severity in [0, 1]."""

    name: str
    severity: float
    title: str


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """One edition of the canonical labels.

    Attributes:
        edition: its name.
        labels: by name.
        calibration: what a model knows better than a label's severity, for findings of some detectors.
    """

    edition: str
    labels: Mapping[str, Label]
    calibration: SeverityCalibration | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """A control, criterion or article; `statement` is our own sentence, never the official text."""

    framework: str
    id: str
    title: str
    statement: str
    priority: Priority
    judged_on: JudgedOn


@dataclass(frozen=True, slots=True)
class Framework:
    """One edition of a framework: the whole of it, or what the shipped file says it is reduced to.

    Attributes:
        id: names it in requests.
        title: for people.
        edition: which text it is; of a tenant's own one, with the version that was approved.
        source: the official text.
        controls: by their official id.
        default: whether a request that names no framework is answered for it.
        own_version: of a tenant's own framework; None for a shipped one.
    """

    id: str
    title: str
    edition: str
    source: str
    controls: Mapping[str, Control]
    default: bool = True
    own_version: int | None = None


@dataclass(frozen=True, slots=True)
class ControlLink:
    """A label bears on a control, and why."""

    control: Control
    relation: Relation
    rationale: str


class Overlap(StrEnum):
    """How far two controls of different frameworks ask for the same, in the words of set theory."""

    EQUAL = "equal"
    SUBSET = "subset"
    """Everything the first asks for, the second asks for too."""
    SUPERSET = "superset"
    """The first asks for all that the second does, and more."""
    INTERSECTS = "intersects"
    """Each asks for something that the other does not."""

    @property
    def inverse(self) -> "Overlap":
        """The same tie read from the other end."""
        return _INVERSE.get(self, self)


_INVERSE = {Overlap.SUBSET: Overlap.SUPERSET, Overlap.SUPERSET: Overlap.SUBSET}


@dataclass(frozen=True, slots=True)
class CrosswalkTie:
    """What two controls of different frameworks have in common."""

    source: Control
    target: Control
    overlap: Overlap
    rationale: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about a label; `controls` in the order in which they are offered as the reason."""

    action: str
    priority: Priority
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    """Groups of labels that mean more together than apart.

    `groups` holds the label names of each part; the combination is seen when every part is.
    """

    id: str
    title: str
    statement: str
    priority: Priority
    groups: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is loaded once at start and read by every analysis."""

    taxonomy: Taxonomy
    frameworks: Mapping[str, Framework]
    links: Mapping[str, tuple[ControlLink, ...]]
    unmapped: Mapping[str, str]
    """Labels that bear on no control, each with the reason."""
    advice: Mapping[str, tuple[Advice, ...]]
    combinations: tuple[Combination, ...]
    crosswalk: tuple[CrosswalkTie, ...] = ()
    figures: Mapping[str, DetectorFigures] = field(default_factory=lambda: MappingProxyType({}))
    """What was measured of detectors, by their names."""

    @property
    def default_frameworks(self) -> tuple[str, ...]:
        """The frameworks that a request which names none is answered for."""
        return tuple(sorted(name for name, framework in self.frameworks.items() if framework.default))
