from dataclasses import replace
from datetime import datetime

from mapper_svc.domain.apply_reading import apply_reading
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.entry_findings import EntryFindings
from mapper_svc.domain.findings import Finding, MapResult, Tier, UnmappedLabel
from mapper_svc.domain.name_labels import LabelNamer
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from mapper_svc.domain.read_output import read_output
from mapper_svc.domain.signals import ParseFailure
from mapper_svc.domain.tenant_settings import MappingChoices, Piece
from mapper_svc.domain.unknown_allowance import UnknownAllowance
from mapper_svc.domain.vendor import Vendor
from mapper_svc.domain.weigh_signals import weigh_signals

RULES_ALONE = MappingChoices(off=frozenset({Piece.MODEL, Piece.SEMANTIC, Piece.SIMILARITY}))
"""Nothing but exact rules names a label."""


class DraftMapping:
    """A hand-over as far as the rules know it.

    Each detector of the payload gives at least one finding. One that found nothing gives OTHER.Safe; one
    whose output cannot be read gives OTHER.ModelError, in part or in whole, and is never safe; a label that
    no rule knows is for the tiers behind the rules, and what those cannot name is OTHER.Unknown and listed
    for review. Past the first hundred of those, each detector's others are one finding that counts them.

    Args:
        payload: what the detectors said.
        catalogue: the edition and the vendors to map with.
        now: the time of the findings.
        choices: what the tenant chose.
    """

    def __init__(
        self, payload: MapperPayload, catalogue: Catalogue, now: datetime, choices: MappingChoices
    ) -> None:
        self._catalogue = catalogue
        allowance = UnknownAllowance()
        rules = choices.on(Piece.RULE)
        self._entries = [
            _map_entry(entry, catalogue, now, allowance, rules=rules) for entry in payload.entries()
        ]
        self.asked = tuple(dict.fromkeys(label for entry in self._entries for label in entry.asked()))
        """The labels that no rule knows and that can be asked about, each once."""
        self.size = sum(entry.count() for entry in self._entries)
        """Number of findings; fewer where labels turn out to mean the same."""

    def finish(self, namer: LabelNamer) -> MapResult:
        """Names what the rules left open and returns the answer. Called once."""
        findings: list[Finding] = []
        unmapped: list[UnmappedLabel] = []
        for entry in self._entries:
            entry.name(namer)
            findings.extend(entry.findings())
            unmapped.extend(entry.unmapped())
        versions = self._catalogue.version_info
        heard = sorted({finding.version_info.model for finding in findings if finding.version_info.model})
        missed = any(namer.is_missed(label) for label in self.asked)
        return MapResult(
            findings=tuple(findings),
            unmapped=tuple(unmapped),
            fallback_used=missed or any(finding.tier is Tier.FALLBACK for finding in findings),
            version_info=replace(versions, model=",".join(heard)) if heard else versions,
        )


def map_payload(payload: MapperPayload, *, catalogue: Catalogue, now: datetime) -> MapResult:
    """Maps a hand-over by exact rules alone, as `DraftMapping` tells.

    Args:
        payload: what the detectors said.
        catalogue: the edition and the vendors to map with.
        now: the time of the findings.
    """
    draft = DraftMapping(payload, catalogue, now, RULES_ALONE)
    return draft.finish(LabelNamer(catalogue.similar, RULES_ALONE))


def _map_entry(
    entry: ProvenanceEntry,
    catalogue: Catalogue,
    now: datetime,
    allowance: UnknownAllowance,
    *,
    rules: bool,
) -> EntryFindings:
    vendor = catalogue.resolve(entry.vendor or entry.detector)
    out = EntryFindings(entry, vendor, catalogue, now, allowance)
    versioned = _is_other_version(entry.version, vendor)
    if entry.reading is not None:
        apply_reading(entry.reading, vendor, catalogue, out, versioned=versioned, rules=rules)
        if entry.reading.output is not None:
            return out
    reading = read_output(entry.output, vendor)
    if isinstance(reading, ParseFailure):
        out.failed(reason=reading.reason)
        return out
    weigh_signals(reading, vendor, catalogue, out, versioned=versioned, rules=rules)
    return out


def _is_other_version(version: str | None, vendor: Vendor | None) -> bool:
    """Whether the detector is known to be of a version that these labels do not belong to."""
    if vendor is None or not vendor.versions or version is None:
        return False
    digits = "".join(char if char.isdigit() else " " for char in version).split()
    return bool(digits) and digits[0] not in vendor.versions
