from dataclasses import dataclass, field
from datetime import datetime

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import NOTES_MAX, Finding, FindingProvenance, RawLabel, Tier, UnmappedLabel
from mapper_svc.domain.payload import ProvenanceEntry
from mapper_svc.domain.rule_tier import RuleMatch
from mapper_svc.domain.scrub_label import scrub_label
from mapper_svc.domain.signals import Signal
from mapper_svc.domain.taxonomy import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, VIOLATION
from mapper_svc.domain.vendor import Vendor

_GUESSED_MAX = 20
"""For how many unknown labels of one output guesses are made; beyond that an output is noise, not news."""
_FLAGGED_ONLY = 0.8


@dataclass(slots=True)
class _Merged:
    """All occurrences of one raw label."""

    label: str
    risk: float
    confidence: float
    tier: Tier
    guesses: tuple[str, ...] = ()
    notes: dict[str, None] = field(default_factory=dict)
    occurrences: int = 0
    spans: set[tuple[int, int]] = field(default_factory=set)


class EntryFindings:
    """Gathers the findings of one output: one for each distinct raw label, the highest risk kept."""

    def __init__(
        self, entry: ProvenanceEntry, vendor: Vendor | None, catalogue: Catalogue, now: datetime
    ) -> None:
        self._entry = entry
        self._vendor = vendor
        self._catalogue = catalogue
        self._detector = scrub_label(entry.detector)
        self._provenance = FindingProvenance(
            vendor=None if vendor is None else vendor.id,
            detector=self._detector,
            detector_version=None if entry.version is None else scrub_label(entry.version),
            taxonomy=catalogue.taxonomy.edition,
            ts=now,
        )
        self._merged: dict[str, _Merged] = {}
        self._failures: dict[str, None] = {}
        self._safe: str | None = None
        self._doubtful: str | None = None
        self._guessed = 0
        self._unknown_below: list[tuple[Signal, float]] = []
        self._known_below = False

    def hit(self, signal: Signal, match: RuleMatch | None, risk: float) -> None:
        """Adds a label that counts; `match` is None when no rule knows it."""
        if match is None:
            key = scrub_label(signal.raw)
            merged = self._merged.get(key) or self._unknown(key)
        else:
            key = match.rule.raw
            merged = self._merged.get(key) or _Merged(match.rule.to, risk, match.confidence, tier=Tier.RULE)
            if match.rule.to == UNKNOWN:
                merged.notes["The vendor's label is opaque: it names no kind of finding."] = None
        self._merged[key] = merged
        if signal.note:
            merged.notes[signal.note] = None
        span = None if signal.start is None or signal.end is None else (signal.start, signal.end)
        if span is None or span not in merged.spans:
            merged.occurrences += 1
        if span is not None:
            merged.spans.add(span)
        merged.risk = max(merged.risk, risk)

    def below_threshold(self, signal: Signal, match: RuleMatch | None, risk: float) -> None:
        """Notes a label that does not count by its score."""
        if match is None:
            self._unknown_below.append((signal, risk))
        else:
            self._known_below = True

    def safe(self, match: RuleMatch, *, doubtful: bool) -> None:
        """Notes a safe label; a doubtful one asks for a review when nothing else is found."""
        if doubtful:
            self._doubtful = self._doubtful or match.rule.raw
        else:
            self._safe = self._safe or match.rule.raw

    def failed(self, *, reason: str) -> None:
        """Notes that the output, or a part of it, could not be read."""
        self._failures[reason] = None

    def note_version(self) -> None:
        """Says on every unknown label that the detector's version is another one than the labels'."""
        for merged in self._merged.values():
            if merged.label == UNKNOWN:
                merged.notes["The detector's version is not the one that these labels belong to."] = None

    def close(self, *, flagged: bool) -> None:
        """Ends the output: flagged without a label gets the vendor's general one, silence is safe."""
        if self._merged:
            return
        understood = self._known_below or self._safe is not None or self._doubtful is not None
        if not understood and not flagged and self._unknown_below:
            for signal, risk in self._unknown_below:
                self.hit(signal, None, risk)
        elif flagged:
            self._merged["flagged"] = _Merged(
                VIOLATION if self._vendor is None else self._vendor.general,
                1.0 if self._vendor is None else self._vendor.score.default,
                _FLAGGED_ONLY,
                tier=Tier.RULE,
                notes={"The detector flagged the content without a label that says why.": None},
                occurrences=1,
            )
        elif self._doubtful is not None:
            self._merged[self._doubtful] = _Merged(
                NEEDS_REVIEW,
                0.5,
                _FLAGGED_ONLY,
                tier=Tier.RULE,
                notes={"The detector called the content safe with little confidence.": None},
                occurrences=1,
            )
        elif not self._failures:
            self._merged[self._safe or ""] = _Merged(SAFE, 0.0, 1.0, tier=Tier.RULE, occurrences=1)

    def findings(self) -> list[Finding]:
        """Returns the findings, those that are failures last."""
        out = [self._finding(raw, merged) for raw, merged in self._merged.items()]
        if self._failures:
            notes = {f"Not read: {reason}.": None for reason in self._failures}
            failure = _Merged(MODEL_ERROR, 1.0, 1.0, Tier.FALLBACK, notes=notes, occurrences=1)
            out.append(self._finding("", failure))
        return out

    def unmapped(self) -> list[UnmappedLabel]:
        """Returns the labels that no rule knows, or knows to say nothing."""
        vendor = None if self._vendor is None else self._vendor.id
        return [
            UnmappedLabel(vendor=vendor, detector=self._detector, raw=raw, guesses=merged.guesses)
            for raw, merged in self._merged.items()
            if merged.label == UNKNOWN
        ]

    def _unknown(self, raw: str) -> _Merged:
        merged = _Merged(UNKNOWN, 0.0, 0.0, tier=Tier.FALLBACK)
        if self._guessed < _GUESSED_MAX:
            self._guessed += 1
            merged.guesses = self._catalogue.similar.guess(raw)
            best = ", ".join(merged.guesses)
            merged.notes[f"Best guesses: {best}." if best else "Nothing known is alike."] = None
        else:
            merged.notes["Too many unknown labels in one output to guess at each."] = None
        return merged

    def _finding(self, raw: str, merged: _Merged) -> Finding:
        return Finding(
            taxonomy=(merged.label,),
            scores={merged.label: round(merged.risk, 6)},
            confidence=round(merged.confidence, 6),
            tier=merged.tier,
            raw=RawLabel(detector=self._detector, label=raw),
            occurrences=merged.occurrences,
            notes=" ".join(merged.notes)[:NOTES_MAX],
            provenance=self._provenance,
            version_info=self._catalogue.version_info,
        )
