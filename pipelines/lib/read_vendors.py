from collections.abc import Iterable, Iterator

from mapper_svc.domain.vendor import Vendor
from pipelines.lib.example import Candidate, Source
from pipelines.lib.families import VendorFamilies
from pipelines.lib.licences import OURS


class UnlistedVendorError(Exception):
    """A vendor file belongs to no family, so nobody has said on which side of the split it stands."""


def vendor_candidates(vendors: Iterable[Vendor], families: VendorFamilies) -> Iterator[Candidate]:
    """Yields one row per raw label of the vendor files.

    Raises:
        UnlistedVendorError: a vendor is in no family, or a family names a vendor that does not exist.
    """
    vendors = tuple(vendors)
    listed = {vendor for members in families.members.values() for vendor in members}
    if astray := sorted(listed ^ {vendor.id for vendor in vendors}):
        raise UnlistedVendorError(f"vendor files and vendor_families.yaml differ in: {', '.join(astray)}")
    for vendor in vendors:
        family = families.family_of(vendor.id) or ""
        for raw, rule in vendor.labels.items():
            opaque = families.is_opaque(vendor.id, raw)
            yield Candidate(
                vendor=vendor.id,
                raw=raw,
                label=rule.to,
                family=family,
                source=Source.VENDOR,
                licence=OURS,
                origin=vendor.source,
                lang="zxx" if opaque else "en",
                split=families.split_of(family),
                opaque=opaque,
            )
