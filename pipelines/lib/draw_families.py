"""The lot by which families were taken out of training: done once, written down, and repeatable."""

from collections.abc import Iterable, Mapping

from mapper_svc.domain.vendor import Vendor
from pipelines.lib.families import Size, VendorFamilies, in_drawing_order
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
    held_out = _draw(urn, sizes, families.held_out_size)
    rest = [name for name in urn if name not in held_out]
    return frozenset(held_out), frozenset(_draw(rest, sizes, families.validation_size))


def _draw(urn: list[str], sizes: Mapping[str, int], size: Size) -> list[str]:
    drawn: list[str] = []
    labels = 0
    for name in urn:
        if len(drawn) >= size.families and labels >= size.labels:
            break
        if labels + sizes[name] <= size.at_most:
            drawn.append(name)
            labels += sizes[name]
    return drawn
