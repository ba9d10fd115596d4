from collections.abc import Iterable

from mapper_svc.domain.findings import VersionInfo
from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.similar_labels import SimilarLabels
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.domain.vendor import Vendor


class Catalogue:
    """One taxonomy edition with every vendor that is mapped to it. Built once, read by every request.

    Attributes:
        taxonomy: the edition.
        vendors: vendor by id.
        similar: guesses for labels that map to nothing.
        version_info: what every answer says of editions.
    """

    def __init__(self, taxonomy: Taxonomy, vendors: Iterable[Vendor]) -> None:
        self.taxonomy = taxonomy
        self.vendors = {vendor.id: vendor for vendor in vendors}
        self.similar = SimilarLabels(taxonomy, self.vendors.values())
        self.version_info = VersionInfo(taxonomy=taxonomy.edition)
        self._by_name = {
            label_key(name): vendor
            for vendor in self.vendors.values()
            for name in (vendor.id, *vendor.aliases)
        }

    def resolve(self, name: str) -> Vendor | None:
        """Returns the vendor of that id or alias, whatever its case, hyphens, underscores and spaces."""
        return self._by_name.get(label_key(name))
