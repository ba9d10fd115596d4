"""What a plugin is: an engine looks for patterns in an analysed request, a model knows how bad a finding is.

Both are plain Python objects of other packages. Neither sees text, for there is none here. An engine can only
add patterns; the answers of a model are made never to fall before they are used, and the analysis says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from analysis_svc.domain.catalogue import Priority
from analysis_svc.domain.models import Analysis, AnalysisRequest, Level, Pattern

PATTERNS_MAX = 20
"""Most patterns that one engine may add to one answer."""


@dataclass(frozen=True, slots=True)
class SeenFinding:
    """What an engine sees of a finding.

    Attributes:
        id: names it in the request.
        label: the canonical label.
        severity: inherent severity of the label in [0, 1].
        score: risk that the detector saw, in [0, 1].
        confidence: that the label is right, in [0, 1].
        detector: the detector's name, or None.
        occurrences: how often it was said.
    """

    id: str
    label: str
    severity: float
    score: float
    confidence: float
    detector: str | None
    occurrences: int


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """What an engine sees of an analysed request.

    Attributes:
        findings: in the order of the request.
        application: as the caller gave it.
        required: detectors that had to look.
        succeeded: detectors that did.
        failed: detectors that did not, with the status of each.
        score: the risk score, 0 to 100.
        level: in one word.
    """

    findings: tuple[SeenFinding, ...]
    application: str | None
    required: tuple[str, ...]
    succeeded: tuple[str, ...]
    failed: Mapping[str, str]
    score: float
    level: Level


@dataclass(frozen=True, slots=True)
class EnginePattern:
    """A pattern that an engine found.

    Attributes:
        id: 1 to 64 lower-case letters, digits, - or _; the answer puts the engine's name in front.
        title: at most 80 characters.
        statement: at most 300 characters.
        priority: how urgent it is.
        findings: ids of the findings behind it, at least one.
    """

    id: str
    title: str
    statement: str
    priority: Priority
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What an engine has to add; nothing found is an empty one."""

    patterns: tuple[EnginePattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a plugin says of itself.

    Attributes:
        version: of what it knows, at most 64 characters.
        title: what it does, at most 120 characters.
        labels: labels that an engine wants to see findings of; empty for every label. It is not called for a
            request without any.
    """

    version: str
    title: str
    labels: frozenset[str] = frozenset()


@runtime_checkable
class EnginePlugin(Protocol):
    """Looks at analysed requests. Called from one thread at a time."""

    def capabilities(self) -> Capabilities:
        """Say what it is; called once, when the service starts."""
        ...

    def analyze(self, request: EngineRequest) -> EngineResult:
        """Return what it found."""
        ...


@runtime_checkable
class ModelPlugin(Protocol):
    """Knows how bad findings are. Asked when the service starts, and never while a request waits."""

    def capabilities(self) -> Capabilities:
        """Say what it is."""
        ...

    def covers(self) -> Sequence[tuple[str, str]]:
        """Return the pairs of detector and canonical label that it knows better than the formula."""
        ...

    def severity(self, detector: str, label: str, score: float) -> float:
        """Return how bad a finding of that score is, in [0, 1], if its label is right."""
        ...


class Engines(Protocol):
    """Runs the installed engines; none can make a request fail or hold it up for long."""

    async def run(self, analysed: Sequence[tuple[AnalysisRequest, Analysis]]) -> "Sequence[EngineFindings]":
        """Return what the engines add to each."""
        ...


@dataclass(frozen=True, slots=True)
class EngineFindings:
    """What all engines add to one answer.

    Attributes:
        patterns: to be added to the answer's own.
        failed: engines that gave no answer, and how each failed.
    """

    patterns: tuple[Pattern, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
