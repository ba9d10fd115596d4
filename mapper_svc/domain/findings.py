from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

NOTES_MAX = 500
"""Most characters of a finding's notes."""


class Tier(StrEnum):
    """Which tier named the label."""

    RULE = "rule"
    MODEL = "model"
    SEMANTIC = "semantic"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class RawLabel:
    """The detector as named by the caller, and its label: the vendor's spelling, or scrubbed when unknown."""

    detector: str
    label: str


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """The editions behind an answer; None for what had no part in it."""

    taxonomy: str
    frameworks: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class FindingProvenance:
    """Where a finding comes from. `model` and `adapter` are None unless a model named the label."""

    vendor: str | None
    detector: str
    detector_version: str | None
    taxonomy: str
    ts: datetime
    model: str | None = None
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One canonical finding.

    Attributes:
        taxonomy: the canonical labels.
        scores: risk in [0, 1] by label.
        confidence: how sure the mapper is of the label, in [0, 1]; not the detector's score.
        tier: which tier named the label.
        raw: what the detector said.
        occurrences: how often it said it.
        notes: what a reader should know, at most 500 characters, nothing of the content.
        provenance: where it comes from.
        version_info: the editions behind it.
    """

    taxonomy: tuple[str, ...]
    scores: Mapping[str, float]
    confidence: float
    tier: Tier
    raw: RawLabel
    occurrences: int
    notes: str
    provenance: FindingProvenance
    version_info: VersionInfo


@dataclass(frozen=True, slots=True)
class UnmappedLabel:
    """A raw label that maps to nothing, kept for review: scrubbed, with the labels it may mean."""

    vendor: str | None
    detector: str
    raw: str
    guesses: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others in the queue: vendor, or detector where no vendor is known, and label."""
        return self.vendor or self.detector, self.raw


@dataclass(frozen=True, slots=True)
class MapResult:
    """The mapper's answer.

    Attributes:
        findings: at least one for each detector of the payload.
        unmapped: labels for the review queue, each once for a detector.
        fallback_used: some finding was named by no rule and no model.
        version_info: the editions behind the answer.
        mapping_version: changes with anything besides the hand-over that the answer depends on; None when
            that is not known, or something that should have had a say had none.
    """

    findings: tuple[Finding, ...]
    unmapped: tuple[UnmappedLabel, ...]
    fallback_used: bool
    version_info: VersionInfo
    mapping_version: str | None = None
