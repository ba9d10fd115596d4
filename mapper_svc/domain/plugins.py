"""What a plugin is: a mapper reads an output before the tiers, a validator looks at findings after them.

Both are plain Python objects of other packages. Neither has words of its own in an answer: a note is a key
into the sentences that the plugin declares, so that nothing of a detector's output can get into notes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mapper_svc.domain.findings import MapResult, Tier

NOTE_MAX = 160
"""Most characters of a sentence that a plugin declares."""


@dataclass(frozen=True, slots=True)
class SeenOutput:
    """What a mapper sees: one detector's output as it was handed over, never the content.

    Attributes:
        detector: the detector's name.
        vendor: the vendor named beside it, or None.
        version: the detector's version, or None.
        output: decoded JSON.
    """

    detector: str
    vendor: str | None
    version: str | None
    output: object


@dataclass(frozen=True, slots=True)
class MappedLabel:
    """One label that a mapper found in an output.

    Attributes:
        raw: as the detector spells it; scrubbed before it is kept or shown.
        label: the canonical label, or None to leave that to the tiers. OTHER.* cannot be named.
        score: risk in [0, 1].
        confidence: how sure the mapper is of `label`, in [0, 1].
        start: first character of the match in the content, or None.
        end: character after it, or None.
        note: key of one of the plugin's sentences, or empty.
    """

    raw: str
    label: str | None = None
    score: float = 1.0
    confidence: float = 0.9
    start: int | None = None
    end: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class MappedOutput:
    """What a mapper read.

    Attributes:
        labels: what it found.
        nothing_found: the detector worked and found nothing. No labels without this is a fault: what was not
            understood is never clean.
        unread: key of the sentence that says which part could not be read, or empty.
    """

    labels: tuple[MappedLabel, ...] = ()
    nothing_found: bool = False
    unread: str = ""


@runtime_checkable
class MapperPlugin(Protocol):
    """Reads outputs that no vendor file describes. Called from one thread at a time.

    Attributes:
        name: as its entry point.
        detectors: names of the detectors, or vendors, whose outputs it wants to see.
        notes: its sentences by key.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above
    @property
    def detectors(self) -> Collection[str]: ...  # noqa: D102
    @property
    def notes(self) -> Mapping[str, str]: ...  # noqa: D102

    def read(self, seen: SeenOutput) -> MappedOutput | None:
        """Return what the output says, or None when it is not for this plugin."""
        ...


@dataclass(frozen=True, slots=True)
class SeenFinding:
    """What a validator sees of a finding.

    Attributes:
        label: the canonical label.
        severity: default inherent severity of the label in [0, 1].
        score: risk in [0, 1].
        confidence: of the mapping, in [0, 1].
        tier: what named the label.
        detector: the detector's name.
        vendor: vendor id, or None.
        vendor_pillars: pillars of all labels that the vendor's file maps to; empty for no vendor.
        raw: the raw label, scrubbed when no rule knows it; may be empty.
        occurrences: how often it was said.
    """

    label: str
    severity: float
    score: float
    confidence: float
    tier: Tier
    detector: str
    vendor: str | None
    vendor_pillars: frozenset[str]
    raw: str
    occurrences: int


class Action(StrEnum):
    """What a validator does with a finding.

    Members:
        ANNOTATE: adds a note.
        REVIEW: keeps the finding and has a person look at it; OTHER.Safe becomes OTHER.NeedsReview.
        VETO: the finding becomes OTHER.Unknown, its risk kept, its label the best guess for review.
    """

    ANNOTATE = "annotate"
    REVIEW = "review"
    VETO = "veto"


@dataclass(frozen=True, slots=True)
class Remark:
    """What a validator says of one finding.

    Attributes:
        finding: its index in what was seen.
        action: what is to be done. Nothing that a validator can do makes a finding safer.
        note: key of one of the plugin's sentences.
    """

    finding: int
    action: Action
    note: str


@runtime_checkable
class ValidatorPlugin(Protocol):
    """Looks at the findings of one hand-over. Called from one thread at a time.

    Attributes:
        name: as its entry point.
        notes: its sentences by key.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - told above
    @property
    def notes(self) -> Mapping[str, str]: ...  # noqa: D102

    def check(self, findings: Sequence[SeenFinding]) -> Sequence[Remark]:
        """Return what is to be said of them."""
        ...


@dataclass(frozen=True, slots=True)
class PluginReading:
    """What came of asking mappers about one output.

    Attributes:
        plugin: name of the one that answered or failed.
        output: what it read, its notes spelled out; None when it failed.
    """

    plugin: str
    output: MappedOutput | None


class Plugins(Protocol):
    """Runs the installed plugins; none of them can make a request fail or hold it up for long."""

    @property
    def failures(self) -> int:
        """How many calls have failed or were left out so far: answers given meanwhile may lack something."""
        ...

    async def read(self, outputs: Sequence[SeenOutput]) -> Sequence[PluginReading | None]:
        """Ask mappers; one entry for each output, None where no plugin has a say."""
        ...

    async def check(self, results: Sequence[MapResult]) -> list[MapResult]:
        """Have validators look at results; what they say is applied."""
        ...


class NoPlugins:
    """No plugin is installed."""

    failures = 0

    async def read(self, outputs: Sequence[SeenOutput]) -> Sequence[PluginReading | None]:
        """Leave every output to the tiers."""
        return [None] * len(outputs)

    async def check(self, results: Sequence[MapResult]) -> list[MapResult]:
        """Return the results as they are."""
        return list(results)
