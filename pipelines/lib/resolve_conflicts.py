"""What happens when one text has several labels on one side of the split."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.lib.example import Candidate, Example, Source, Split
from pipelines.lib.normalise import duplicate_key
from pipelines.lib.remove_duplicates import TRUST


@dataclass(frozen=True, slots=True)
class Conflict:
    """A text with several labels on one side of the split.

    Attributes:
        split: the side.
        text: the text, as one of the rows writes it.
        kept: labels that stay.
        dropped: labels whose rows were taken out.
        reason: which part of the rule decided.
    """

    split: Split
    text: str
    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    reason: str


def resolve_conflicts(
    rows: Iterable[Candidate], read: Iterable[Candidate]
) -> tuple[list[Example], list[Conflict]]:
    """Returns the examples, and every conflict with how it ended.

    The rule: the most trusted source wins (the taxonomy, feedback, phrasings, vendors); in one source the
    label that more families give; otherwise all stay, marked ambiguous. Held-out rows all stay, for
    there the table of each vendor is right for that vendor; a text with two labels is marked ambiguous too.

    Args:
        rows: candidates without duplicates and leaks.
        read: all candidates that were read; their families are the votes.
    """
    votes: dict[tuple[Split, str, str, Source], set[str]] = defaultdict(set)
    for one in read:
        votes[one.split, duplicate_key(one.raw), one.label, one.source].add(one.family)
    groups: dict[tuple[Split, str], list[Candidate]] = defaultdict(list)
    examples: list[Example] = []
    for one in rows:
        if one.opaque:
            examples.append(Example.of(one, ambiguous=False))
        else:
            groups[one.split, duplicate_key(one.raw)].append(one)
    conflicts: list[Conflict] = []
    for (split, key), group in groups.items():
        labels = {one.label for one in group}
        if len(labels) == 1:
            examples += [Example.of(one, ambiguous=False) for one in group]
            continue
        weights = {
            one.label: (-TRUST[one.source], len(votes[split, key, one.label, one.source]))
            for one in sorted(group, key=lambda one: -TRUST[one.source])
        }
        kept, reason = _decide(split, group, weights)
        conflicts.append(
            Conflict(split, group[0].raw, tuple(sorted(kept)), tuple(sorted(labels - kept)), reason)
        )
        examples += [Example.of(one, ambiguous=len(kept) > 1) for one in group if one.label in kept]
    return sorted(examples, key=lambda one: one.id), sorted(conflicts, key=lambda one: (one.split, one.text))


def _decide(
    split: Split, group: Sequence[Candidate], weights: dict[str, tuple[int, int]]
) -> tuple[set[str], str]:
    if split is Split.HELDOUT:
        return set(weights), "each vendor's table is right for that vendor"
    best = max(weights.values())
    kept = {label for label, weight in weights.items() if weight == best}
    if len(kept) > 1:
        return kept, "nothing decides: as many families of one source for each"
    losers = [weight for label, weight in weights.items() if label not in kept]
    if all(trust == best[0] for trust, _ in losers):
        return kept, f"{best[1]} families against {max(number for _, number in losers)}"
    return kept, f"the most trusted source is {min(group, key=lambda one: TRUST[one.source]).source.value}"
