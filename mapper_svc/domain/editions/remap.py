"""How the labels of one edition of the taxonomy become those of the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mapper_svc.domain.taxonomy import REQUIRED_LABELS, Taxonomy


class ChangeKind(StrEnum):
    """What became of a label. One that no change names is in both editions and means the same."""

    RENAMED = "renamed"
    MERGED = "merged"
    SPLIT = "split"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one label.

    Attributes:
        kind: renamed, merged, split or removed.
        into: labels of the new edition that it became; of a removed one what stands instead.
        reason: why, for people.
        default: which of `into` holds where nobody decided; None when each case needs a decision.
        rows: decisions for single rows of vendor files: new label by vendor id and raw label.
    """

    kind: ChangeKind
    into: tuple[str, ...]
    reason: str
    default: str | None
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemapFault:
    """Something in a remap that cannot be; `label` is the one it is about, or empty."""

    label: str
    problem: str


@dataclass(frozen=True, slots=True)
class Remap:
    """The changes from one edition to the next.

    Attributes:
        old: name of the edition that labels come from.
        new: name of the one they go to.
        changes: by old label.
    """

    old: str
    new: str
    changes: Mapping[str, Change]

    def target(self, label: str) -> str | None:
        """Returns the new label of an old one, or None when that needs a decision."""
        change = self.changes.get(label)
        return label if change is None else change.default

    def row_target(self, vendor: str, raw: str, label: str) -> str | None:
        """Returns the new label of a row of a vendor file, or None when it needs a decision."""
        change = self.changes.get(label)
        if change is None:
            return label
        return change.rows.get(vendor, {}).get(raw, change.default)

    def candidates(self, label: str) -> tuple[str, ...]:
        """Returns every new label that an old one may have become, the likeliest first."""
        change = self.changes.get(label)
        if change is None:
            return (label,)
        first = () if change.default is None else (change.default,)
        return tuple(dict.fromkeys((*first, *change.into)))


def faults_of(remap: Remap, old: Taxonomy, new: Taxonomy) -> list[RemapFault]:
    """Checks a remap against both editions; without a fault it is total and leads from one to the other.

    Each old label must be in the new edition or be accounted for by one change, and each change must lead
    from a label that was to labels that are.
    """
    faults: list[RemapFault] = []
    renamed_to: dict[str, str] = {}
    for label, change in remap.changes.items():
        problems = _problems(label, change, old, new)
        if change.kind is ChangeKind.RENAMED and not problems:
            first = renamed_to.setdefault(change.into[0], label)
            if first != label:
                problems.append(
                    f"{change.into[0]} is what {first} is renamed to: two labels in one are merged"
                )
        faults.extend(RemapFault(label, problem) for problem in problems)
    # Last, as a label that is misspelt in a change is missing because of that.
    missing = [
        RemapFault(label, f"is no label of {new.edition}, and no change says what became of it")
        for label in old.labels
        if label not in new.labels and label not in remap.changes
    ]
    return [*faults, *missing]


def _problems(label: str, change: Change, old: Taxonomy, new: Taxonomy) -> list[str]:
    if label not in old.labels:
        return [f"is no label of {old.edition}"]
    problems = []
    if label in REQUIRED_LABELS:
        problems.append("is a label that the mapper itself gives; it stays as it is")
    unknown = [name for name in change.into if name not in new.labels]
    problems += [f"{name} is no label of {new.edition}" for name in unknown]
    if label in new.labels and change.kind is not ChangeKind.SPLIT:
        problems.append(f"is still a label of {new.edition}, so it is not {change.kind}")
    if change.kind is ChangeKind.RENAMED and change.into[0] in old.labels:
        problems.append(f"{change.into[0]} was a label of {old.edition} already: it is merged into that")
    if change.kind is ChangeKind.SPLIT and len(set(change.into)) < 2:  # noqa: PLR2004 - what splitting means
        problems.append("is split into at least two labels")
    decided = {target for rows in change.rows.values() for target in rows.values()}
    if change.default is not None:
        decided.add(change.default)
    allowed = new.labels.keys() if change.kind is ChangeKind.REMOVED else frozenset(change.into)
    problems += [f"{target} is none of the labels it can become" for target in sorted(decided - allowed)]
    return problems
