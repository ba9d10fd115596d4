"""The lot by which families were taken out of training: done once, written down, and repeatable."""

from collections.abc import Iterable, Mapping

from mapper_svc.domain.vendor import Vendor
from pipelines.lib.families import Minimum, VendorFamilies, in_drawing_order
from pipelines.lib.normalise import duplicate_key


def clear_labels(families: VendorFamilies, vendors: Iterable[Vendor]) -> dict[str, int]:
    """Returns how many distinct labels each family has that can be understood without its table."""
    labels: dict[str, set[str]] = {name: set() for name in families.members}
    for vendor in vendors:
        family = families.family_of(vendor.id)
        if family is not None:
            labels[family].update(
                duplicate_key(raw) for raw in vendor.labels if not families.is_opaque(vendor.id, raw)
            )
    return {name: len(found) for name, found in labels.items()}


def draw_vendor_families(
    families: VendorFamilies, sizes: Mapping[str, int]
) -> tuple[frozenset[str], frozenset[str]]:
    """Returns the families that the lot holds out, and those that it gives to validation."""
    urn = [name for name in in_drawing_order(families.seed, sizes) if sizes[name] >= families.smallest]
    fresh = [name for name in urn if name not in families.measured_before]
    held_out = _draw(fresh, sizes, families.held_out_minimum)
    rest = [name for name in urn if name not in held_out]
    return frozenset(held_out), frozenset(_draw(rest, sizes, families.validation_minimum))


def _draw(urn: list[str], sizes: Mapping[str, int], minimum: Minimum) -> list[str]:
    drawn: list[str] = []
    for name in urn:
        if len(drawn) >= minimum.families and sum(sizes[one] for one in drawn) >= minimum.labels:
            break
        drawn.append(name)
    return drawn
