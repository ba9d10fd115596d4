from dataclasses import dataclass, field
from datetime import datetime

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import NOTES_MAX, Finding, FindingProvenance, RawLabel, Tier, UnmappedLabel
from mapper_svc.domain.payload import ProvenanceEntry
from mapper_svc.domain.rule_tier import RuleMatch
from mapper_svc.domain.scrub_label import scrub_label
from mapper_svc.domain.signals import Signal
from mapper_svc.domain.taxonomy import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, VIOLATION
from mapper_svc.domain.unknown_allowance import UnknownAllowance
from mapper_svc.domain.vendor import UNMEASURED_SAFE, Vendor

OTHER_VERSION = "The detector's version is not the one that these labels belong to."
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
        self,
        entry: ProvenanceEntry,
        vendor: Vendor | None,
        catalogue: Catalogue,
        now: datetime,
        allowance: UnknownAllowance,
    ) -> None:
        self._vendor = vendor
        self._catalogue = catalogue
        self._allowance = allowance
        # A name is the caller's own, of bounded length: scrubbed it would be another detector's.
        self._detector = entry.detector
        self._provenance = FindingProvenance(
            vendor=None if vendor is None else vendor.id,
            detector=self._detector,
            detector_version=entry.version,
            taxonomy=catalogue.taxonomy.edition,
            ts=now,
        )
        self._merged: dict[str, _Merged] = {}
        self._failures: dict[str, None] = {}
        self._unlisted: _Merged | None = None
        self._unknown_by_raw: dict[str, _Merged] = {}
        self._safe: str | None = None
        self._doubtful: tuple[str, str] | None = None
        self._unknown_below: list[tuple[Signal, float]] = []
        self._known_below = False

    def hit(self, signal: Signal, match: RuleMatch | None, risk: float) -> None:
        """Adds a label that counts; `match` is None when no rule knows it."""
        if match is None:
            merged = self._unknown_by_raw.get(signal.raw) or self._unknown(signal.raw)
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

    def safe(self, match: RuleMatch) -> None:
        """Notes a safe label."""
        self._safe = self._safe or match.rule.raw

    def doubtful(self, match: RuleMatch, *, reason: str) -> None:
        """Notes a safe label that is not to be trusted: it asks for a review when nothing else is found."""
        self._doubtful = self._doubtful or (match.rule.raw, reason)

    def failed(self, *, reason: str) -> None:
        """Notes that the output, or a part of it, could not be read."""
        self._failures[reason] = None

    def note_version(self) -> None:
        """Says on every unknown label that the detector's version is another one than the labels'."""
        for merged in self._found():
            if merged.label == UNKNOWN:
                merged.notes[OTHER_VERSION] = None

    def close(self, *, flagged: bool) -> None:
        """Ends the output: flagged without a label gets the vendor's general one, silence is safe."""
        if self._found():
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
            raw, reason = self._doubtful
            self._merged[raw] = _Merged(
                NEEDS_REVIEW, 0.5, _FLAGGED_ONLY, tier=Tier.RULE, notes={reason: None}, occurrences=1
            )
        elif not self._failures:
            sure = UNMEASURED_SAFE if self._vendor is None else self._vendor.safe_confidence
            self._merged[self._safe or ""] = _Merged(SAFE, 0.0, sure, tier=Tier.RULE, occurrences=1)

    def findings(self) -> list[Finding]:
        """Returns the findings, those that are failures last."""
        out = [self._finding(raw, merged) for raw, merged in self._merged.items()]
        if self._unlisted is not None:
            out.append(self._finding("", self._unlisted))
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

    def _found(self) -> list[_Merged]:
        return [*self._merged.values(), *([] if self._unlisted is None else [self._unlisted])]

    def _unknown(self, raw: str) -> _Merged:
        """Returns what counts a raw label seen for the first time here."""
        if not self._allowance.take_listing():
            if self._unlisted is None:
                self._unlisted = _Merged(UNKNOWN, 0.0, 0.0, tier=Tier.FALLBACK)
                self._unlisted.notes["More unknown labels than are listed: these are counted only."] = None
            return self._unlisted
        key = scrub_label(raw)
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = _Merged(UNKNOWN, 0.0, 0.0, tier=Tier.FALLBACK)
            self._guess(key, merged)
        self._unknown_by_raw[raw] = merged
        return merged

    def _guess(self, label: str, merged: _Merged) -> None:
        if self._allowance.take_guess():
            merged.guesses = self._catalogue.similar.guess(label)
            best = ", ".join(merged.guesses)
            merged.notes[f"Best guesses: {best}." if best else "Nothing known is alike."] = None
        else:
            merged.notes["Too many unknown labels at once to guess at each."] = None

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
