from collections.abc import Iterator

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.licences import OURS


def taxonomy_candidates(taxonomy: Taxonomy) -> Iterator[Candidate]:
    """Yields the edition's own words for each label: its name, what it means, its aliases."""
    for label in taxonomy.labels.values():
        yield _candidate(taxonomy, label.name, label.name)
        yield _candidate(taxonomy, label.means, label.name)
    for alias, label_name in taxonomy.aliases.items():
        yield _candidate(taxonomy, alias, label_name)


def _candidate(taxonomy: Taxonomy, raw: str, label: str) -> Candidate:
    return Candidate(
        vendor="in_house",
        raw=raw,
        label=label,
        family="taxonomy",
        source=Source.TAXONOMY,
        licence=OURS,
        origin=f"taxonomy {taxonomy.edition}",
        lang="en",
        split=Split.TRAIN,
    )
