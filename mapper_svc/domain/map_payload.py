from datetime import datetime

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.entry_findings import EntryFindings
from mapper_svc.domain.findings import Finding, MapResult, Tier, UnmappedLabel
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from mapper_svc.domain.read_output import read_output
from mapper_svc.domain.signals import ParseFailure
from mapper_svc.domain.unknown_allowance import UnknownAllowance
from mapper_svc.domain.vendor import Vendor
from mapper_svc.domain.weigh_signals import weigh_signals


def map_payload(payload: MapperPayload, *, catalogue: Catalogue, now: datetime) -> MapResult:
    """Maps a hand-over to canonical findings by rules alone.

    Each detector of the payload gives at least one finding. One that found nothing gives OTHER.Safe; one
    whose output cannot be read gives OTHER.ModelError, in part or in whole, and is never safe; a label that
    no rule knows gives OTHER.Unknown and is listed for review. Past the first hundred of those, each
    detector's others are one finding that counts them.

    Args:
        payload: what the detectors said.
        catalogue: the edition and the vendors to map with.
        now: the time of the findings.
    """
    findings: list[Finding] = []
    unmapped: list[UnmappedLabel] = []
    allowance = UnknownAllowance()
    for entry in payload.entries():
        mapped = _map_entry(entry, catalogue, now, allowance)
        findings.extend(mapped.findings())
        unmapped.extend(mapped.unmapped())
    return MapResult(
        findings=tuple(findings),
        unmapped=tuple(unmapped),
        fallback_used=any(finding.tier is Tier.FALLBACK for finding in findings),
        version_info=catalogue.version_info,
    )


def _map_entry(
    entry: ProvenanceEntry, catalogue: Catalogue, now: datetime, allowance: UnknownAllowance
) -> EntryFindings:
    vendor = catalogue.resolve(entry.vendor or entry.detector)
    out = EntryFindings(entry, vendor, catalogue, now, allowance)
    reading = read_output(entry.output, vendor)
    if isinstance(reading, ParseFailure):
        out.failed(reason=reading.reason)
        return out
    weigh_signals(reading, vendor, catalogue, out, versioned=_is_other_version(entry.version, vendor))
    return out


def _is_other_version(version: str | None, vendor: Vendor | None) -> bool:
    """Whether the detector is known to be of a version that these labels do not belong to."""
    if vendor is None or not vendor.versions or version is None:
        return False
    digits = "".join(char if char.isdigit() else " " for char in version).split()
    return bool(digits) and digits[0] not in vendor.versions
