from dataclasses import dataclass, field, replace
from datetime import datetime

from mapper_svc.domain.askable_label import askable_form
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import NOTES_MAX, Finding, FindingProvenance, RawLabel, Tier, UnmappedLabel
from mapper_svc.domain.label_model import AskedLabel, ModelVersion
from mapper_svc.domain.name_labels import LabelNamer, Naming, guess
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
    """All occurrences of one raw label; `unnamed` is one that no rule knows, `asked` how others are asked."""

    raw: str
    label: str
    risk: float
    confidence: float
    tier: Tier
    unnamed: bool = False
    asked: AskedLabel | None = None
    trusted: bool = True
    guesses: tuple[str, ...] = ()
    heard: ModelVersion | None = None
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
        self._merged: dict[tuple[str, str], _Merged] = {}
        self._failures: dict[str, None] = {}
        self._unlisted: _Merged | None = None
        self._unknown_by_raw: dict[str, _Merged] = {}
        self._safe: str | None = None
        self._doubtful: tuple[str, str] | None = None
        self._unknown_below: list[tuple[Signal, float, bool]] = []
        self._known_below = False

    def hit(self, signal: Signal, match: RuleMatch | None, risk: float, *, trusted: bool = True) -> None:
        """Adds a label that counts.

        Args:
            signal: the label.
            match: the rule that knows it, or None.
            risk: in [0, 1].
            trusted: False when the vendor's words may have changed their meaning.
        """
        if match is None:
            merged = self._unknown_by_raw.get(signal.raw) or self._unknown(signal.raw)
            merged.trusted = merged.trusted and trusted
        else:
            raw = match.rule.raw
            merged = self._merged.setdefault(
                ("rule", raw), _Merged(raw, match.rule.to, risk, match.confidence, tier=Tier.RULE)
            )
            if match.rule.to == UNKNOWN:
                merged.notes["The vendor's label is opaque: it names no kind of finding."] = None
        if signal.note:
            merged.notes[signal.note] = None
        span = None if signal.start is None or signal.end is None else (signal.start, signal.end)
        if span is None or span not in merged.spans:
            merged.occurrences += 1
        if span is not None:
            merged.spans.add(span)
        merged.risk = max(merged.risk, risk)

    def below_threshold(
        self, signal: Signal, match: RuleMatch | None, risk: float, *, trusted: bool = True
    ) -> None:
        """Notes a label that does not count by its score; the arguments are those of `hit`."""
        if match is None:
            self._unknown_below.append((signal, risk, trusted))
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
            for signal, risk, trusted in self._unknown_below:
                self.hit(signal, None, risk, trusted=trusted)
        elif flagged:
            self._merged["own", "flagged"] = _Merged(
                "flagged",
                VIOLATION if self._vendor is None else self._vendor.general,
                1.0 if self._vendor is None else self._vendor.score.default,
                _FLAGGED_ONLY,
                tier=Tier.RULE,
                notes={"The detector flagged the content without a label that says why.": None},
                occurrences=1,
            )
        elif self._doubtful is not None:
            raw, reason = self._doubtful
            self._merged["own", raw] = _Merged(
                raw, NEEDS_REVIEW, 0.5, _FLAGGED_ONLY, tier=Tier.RULE, notes={reason: None}, occurrences=1
            )
        elif not self._failures:
            sure = UNMEASURED_SAFE if self._vendor is None else self._vendor.safe_confidence
            raw = self._safe or ""
            self._merged["own", raw] = _Merged(raw, SAFE, 0.0, sure, tier=Tier.RULE, occurrences=1)

    def count(self) -> int:
        """Returns how many findings there are at most, failures among them."""
        return len(self._found()) + bool(self._failures)

    def asked(self) -> list[AskedLabel]:
        """Returns the labels that no rule knows and that can be asked about."""
        return [merged.asked for merged in self._merged.values() if merged.asked is not None]

    def name(self, namer: LabelNamer) -> None:
        """Names what no rule knows; labels that are shown and named alike become one finding."""
        named: dict[tuple[str, str], _Merged] = {}
        for key, merged in self._merged.items():
            if not merged.unnamed:
                named[key] = merged
                continue
            naming = (
                guess(merged.raw, self._catalogue.similar, self._allowance)
                if merged.asked is None
                else namer.name(merged.asked, self._allowance, trusted=merged.trusted)
            )
            twin = named.setdefault((f"named {naming.label}", merged.raw), merged)
            if twin is merged:
                _take(merged, naming)
            else:
                _join(twin, merged)
        self._merged = named

    def findings(self) -> list[Finding]:
        """Returns the findings, those that are failures last."""
        out = [self._finding(merged) for merged in self._merged.values()]
        if self._unlisted is not None:
            out.append(self._finding(self._unlisted))
        if self._failures:
            notes = {f"Not read: {reason}.": None for reason in self._failures}
            failure = _Merged("", MODEL_ERROR, 1.0, 1.0, Tier.FALLBACK, notes=notes, occurrences=1)
            out.append(self._finding(failure))
        return out

    def unmapped(self) -> list[UnmappedLabel]:
        """Returns the labels that no rule knows, or knows to say nothing."""
        vendor = None if self._vendor is None else self._vendor.id
        return [
            UnmappedLabel(vendor=vendor, detector=self._detector, raw=merged.raw, guesses=merged.guesses)
            for merged in self._merged.values()
            if merged.label == UNKNOWN
        ]

    def _found(self) -> list[_Merged]:
        return [*self._merged.values(), *([] if self._unlisted is None else [self._unlisted])]

    def _unknown(self, raw: str) -> _Merged:
        """Returns what counts a raw label seen for the first time here."""
        if not self._allowance.take_listing():
            if self._unlisted is None:
                self._unlisted = _Merged("", UNKNOWN, 0.0, 0.0, tier=Tier.FALLBACK)
                self._unlisted.notes["More unknown labels than are listed: these are counted only."] = None
            return self._unlisted
        form = askable_form(raw)
        shown = scrub_label(raw)
        key = ("unknown", shown) if form is None else ("asked", form)
        merged = self._merged.get(key)
        if merged is None:
            vendor = None if self._vendor is None else self._vendor.id
            asked = None if form is None else AskedLabel(vendor, form)
            merged = _Merged(shown, UNKNOWN, 0.0, 0.0, tier=Tier.FALLBACK, unnamed=True, asked=asked)
            self._merged[key] = merged
        self._unknown_by_raw[raw] = merged
        return merged

    def _finding(self, merged: _Merged) -> Finding:
        provenance, versions = self._provenance, self._catalogue.version_info
        if merged.heard is not None:
            versions = replace(versions, model=merged.heard.version)
            if merged.label != UNKNOWN:
                provenance = replace(provenance, model=merged.heard.name, adapter=merged.heard.adapter)
        return Finding(
            taxonomy=(merged.label,),
            scores={merged.label: round(merged.risk, 6)},
            confidence=round(merged.confidence, 6),
            tier=merged.tier,
            raw=RawLabel(detector=self._detector, label=merged.raw),
            occurrences=merged.occurrences,
            notes=" ".join(merged.notes)[:NOTES_MAX],
            provenance=provenance,
            version_info=versions,
        )


def _take(merged: _Merged, naming: Naming) -> None:
    merged.label, merged.confidence, merged.tier = naming.label, naming.confidence, naming.tier
    merged.guesses, merged.heard = naming.guesses, naming.heard
    merged.notes.update(dict.fromkeys(naming.notes))


def _join(twin: _Merged, other: _Merged) -> None:
    """Counts `other` with its twin; spans of two labels are two matches, wherever they lie."""
    twin.risk = max(twin.risk, other.risk)
    twin.occurrences += other.occurrences
    twin.notes.update(other.notes)
