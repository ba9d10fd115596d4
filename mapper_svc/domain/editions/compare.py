"""What changes for whom between two editions: labels, meanings, severities, aliases, rows of vendor files."""

from collections.abc import Iterable
from dataclasses import dataclass

from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.taxonomy import SAFE, Taxonomy
from mapper_svc.domain.vendor import Vendor


@dataclass(frozen=True, slots=True)
class ChangedLabel:
    """An old label that a change names."""

    label: str
    kind: str
    into: tuple[str, ...]
    default: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class OtherValue:
    """Something that both editions have and say differently."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VendorRow:
    """A row of a vendor file whose label changes; `after` is None when somebody has to decide."""

    vendor: str
    raw: str
    before: str
    after: str | None


@dataclass(frozen=True, slots=True)
class EditionDiff:
    """The report.

    Attributes:
        old: name of the old edition.
        new: name of the new one.
        changed: labels that are renamed, merged, split or removed.
        added: labels that only the new edition has.
        unaccounted: labels that only the old edition has, and no change names.
        reworded: labels whose meaning is told in other words.
        reweighed: labels whose default severity is another.
        aliases: aliases that are gone, new, or lead elsewhere; empty text where there is none.
        rows: rows of vendor files that change.
        rows_in_all: how many rows there are.
    """

    old: str
    new: str
    changed: tuple[ChangedLabel, ...]
    added: tuple[str, ...]
    unaccounted: tuple[str, ...]
    reworded: tuple[OtherValue, ...]
    reweighed: tuple[OtherValue, ...]
    aliases: tuple[OtherValue, ...]
    rows: tuple[VendorRow, ...]
    rows_in_all: int

    @property
    def undecided(self) -> tuple[VendorRow, ...]:
        """The rows that somebody has to decide."""
        return tuple(row for row in self.rows if row.after is None)


def compare_editions(old: Taxonomy, new: Taxonomy, remap: Remap, vendors: Iterable[Vendor]) -> EditionDiff:
    """Compares two editions.

    Args:
        old: the edition that `vendors` are mapped to.
        new: the other one.
        remap: how labels change; without changes the report tells which ones are unaccounted for.
        vendors: the vendor files.
    """

    def target(vendor: str, raw: str, label: str) -> str | None:
        now = remap.row_target(vendor, raw, label)
        return now if now in new.labels else None

    both = [name for name in old.labels if name in new.labels]
    rows = [
        VendorRow(vendor.id, raw, label, target(vendor.id, raw, label))
        for vendor in vendors
        for raw, label in _rows(vendor)
    ]
    return EditionDiff(
        old=old.edition,
        new=new.edition,
        changed=tuple(
            ChangedLabel(label, change.kind.value, change.into, change.default, change.reason)
            for label, change in remap.changes.items()
        ),
        added=tuple(name for name in new.labels if name not in old.labels),
        unaccounted=tuple(
            name for name in old.labels if name not in new.labels and name not in remap.changes
        ),
        reworded=tuple(
            OtherValue(name, old.labels[name].means, new.labels[name].means)
            for name in both
            if old.labels[name].means != new.labels[name].means
        ),
        reweighed=tuple(
            OtherValue(name, f"{old.labels[name].severity:g}", f"{new.labels[name].severity:g}")
            for name in both
            if old.labels[name].severity != new.labels[name].severity
        ),
        aliases=tuple(
            OtherValue(name, old.aliases.get(name, ""), new.aliases.get(name, ""))
            for name in sorted(old.aliases.keys() | new.aliases.keys())
            if old.aliases.get(name) != new.aliases.get(name)
        ),
        rows=tuple(row for row in rows if row.after != row.before),
        rows_in_all=len(rows),
    )


def _rows(vendor: Vendor) -> Iterable[tuple[str, str]]:
    yield from ((rule.raw, rule.to) for rule in vendor.labels.values() if rule.to != SAFE)
    yield GENERAL, vendor.general


GENERAL = "(general)"
"""Stands for the vendor's general label, which no raw label names, in a report and in decisions."""
