"""What the tiers without a model say of a label whose vendor nobody has mapped."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.rule_tier import match_label
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.domain.vendor import Vendor
from pipelines.lib.evaluation.answers import Answers


def rule_answers(
    raws: Sequence[str], labels: Sequence[str], taxonomy: Taxonomy, vendors: Iterable[Vendor]
) -> Answers:
    """Returns what the mapper's rules say when the vendor is unknown: only canonical names mean something."""
    catalogue = Catalogue(taxonomy, vendors)
    matches = [match_label(raw, None, catalogue) for raw in raws]
    return Answers.of_labels([None if match is None else match.rule.to for match in matches], labels)


def table_answers(raws: Sequence[str], labels: Sequence[str], vendors: Iterable[Vendor]) -> Answers:
    """Returns what the tables of other vendors say of a label that they spell the same.

    Nothing in the mapper answers so: a word means to each vendor what that vendor says. It is the least that
    a model has to beat. Where vendors differ the label that most of them give is taken.
    """
    given: dict[str, Counter[str]] = defaultdict(Counter)
    for vendor in vendors:
        for rule in vendor.labels.values():
            given[label_key(rule.raw)][rule.to] += 1
    best = {key: min(counts, key=lambda label: (-counts[label], label)) for key, counts in given.items()}
    return Answers.of_labels([best.get(label_key(raw)) for raw in raws], labels)


def similarity_answers(
    raws: Sequence[str], labels: Sequence[str], taxonomy: Taxonomy, vendors: Iterable[Vendor]
) -> Answers:
    """Returns the first guess by likeness of words to the labels of other vendors and to canonical names."""
    similar = Catalogue(taxonomy, vendors).similar
    guesses = [similar.guess(raw) for raw in raws]
    return Answers.of_labels([guess[0] if guess else None for guess in guesses], labels)
