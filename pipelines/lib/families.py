"""Which side of the split each family stands on, from the two committed lists."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mapper_svc.adapters.marked_yaml import Value, read_yaml
from pipelines.lib.example import Split
from pipelines.lib.normalise import duplicate_key

_ID = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Size:
    """How much has to be drawn: so many families, with so many distinct clear labels together.

    Attributes:
        families: fewest families.
        labels: fewest labels.
        at_most: most labels; a family that would pass it is left to the others.
    """

    families: int
    labels: int
    at_most: int


@dataclass(frozen=True)
class VendorFamilies:
    """The committed list of vendor families.

    Attributes:
        members: vendor ids by family.
        held_out: families that only measure.
        validation: families that the choices are made on.
        seed: seed of the draw.
        smallest: fewest distinct clear labels of a family that can be drawn.
        held_out_size: when enough is held out.
        validation_size: when enough stands for validation.
        opaque_patterns: a label that one of these matches whole is opaque.
        opaque_labels: further opaque labels, by vendor.
    """

    members: Mapping[str, tuple[str, ...]]
    held_out: frozenset[str]
    validation: frozenset[str]
    seed: str
    smallest: int
    held_out_size: Size
    validation_size: Size
    opaque_patterns: tuple[re.Pattern[str], ...]
    opaque_labels: Mapping[str, frozenset[str]]

    def family_of(self, vendor: str) -> str | None:
        """Returns the family of a vendor, or None when the list does not know the vendor."""
        return next((name for name, members in self.members.items() if vendor in members), None)

    def split_of(self, family: str) -> Split:
        """Returns the side of a vendor family."""
        if family in self.held_out:
            return Split.HELDOUT
        return Split.VALIDATION if family in self.validation else Split.TRAIN

    def is_opaque(self, vendor: str, raw: str) -> bool:
        """Whether only the vendor's own table can tell what a label means."""
        listed = raw in self.opaque_labels.get(vendor, frozenset())
        return listed or any(pattern.fullmatch(raw) for pattern in self.opaque_patterns)


@dataclass(frozen=True)
class PhrasingFamilies:
    """The committed list of the ways in which phrasings are written, and the lot over their families.

    A family is all spellings of one text: `ChartNumber`, `chart_number` and "chart number".

    Attributes:
        kinds: ways of writing by kind (styles of labels, styles of text, languages).
        seed: seed of the draw.
        share: share of the families that stands for validation, between 0 and 1.
        undrawn: files from after the draw: all their rows train, so that validation stays what it was.
    """

    kinds: Mapping[str, tuple[str, ...]]
    seed: str
    share: float
    undrawn: frozenset[str]

    def knows(self, way: str) -> bool:
        """Whether the way of writing is listed."""
        return any(way in ways for ways in self.kinds.values())

    def family_of(self, raw: str) -> str:
        """Returns the family of a phrasing: the first 8 hex digits of SHA-256 of `seed:text`."""
        return hashlib.sha256(f"{self.seed}:{duplicate_key(raw)}".encode()).hexdigest()[:8]

    def split_of(self, family: str) -> Split:
        """Returns the side of a family: validation when its number, as a share of 2^32, is below `share`."""
        return Split.VALIDATION if int(family, 16) < self.share * 2**32 else Split.TRAIN


def in_drawing_order(seed: str, families: Iterable[str]) -> list[str]:
    """Returns families by SHA-256 of `seed:family`: an order that nobody chose."""
    return sorted(families, key=lambda family: hashlib.sha256(f"{seed}:{family}".encode()).hexdigest())


def load_vendor_families(path: Path) -> VendorFamilies:
    """Loads and checks the list of vendor families.

    Raises:
        DataFaultError: the file breaks its schema; names file, line and key.
    """
    root = _section(read_yaml(path), "draw", "opaque", "held_out", "validation", "families")
    draw = _section(root["draw"], "seed", "smallest", "held_out", "validation")
    opaque = _section(root["opaque"], "patterns", "labels")
    members = _members(root["families"])
    held_out, validation = (_listed(root[name], members) for name in ("held_out", "validation"))
    for both in sorted(held_out & validation):
        raise root["validation"].fault(f"{both} is held out already")
    return VendorFamilies(
        members=members,
        held_out=held_out,
        validation=validation,
        seed=draw["seed"].text(),
        smallest=_whole(draw["smallest"]),
        held_out_size=_size(draw["held_out"]),
        validation_size=_size(draw["validation"]),
        opaque_patterns=tuple(_pattern(one) for one in opaque["patterns"].items()),
        opaque_labels={
            key.key: frozenset(raw.text() for raw in labels.items())
            for key, labels in opaque["labels"].fields()
        },
    )


def load_phrasing_families(path: Path) -> PhrasingFamilies:
    """Loads and checks the list of phrasing families.

    Raises:
        DataFaultError: the file breaks its schema; names file, line and key.
    """
    root = _section(read_yaml(path), "draw", "undrawn", "kinds")
    draw = _section(root["draw"], "seed", "share")
    return PhrasingFamilies(
        kinds={key.key: tuple(way.text() for way in ways.items()) for key, ways in root["kinds"].fields()},
        seed=draw["seed"].text(),
        share=draw["share"].number(0, 0.5),
        undrawn=frozenset(name.text() for name in root["undrawn"].items()),
    )


def _section(value: Value, *names: str) -> dict[str, Value]:
    return value.section(required=frozenset(names), optional=frozenset())


def _members(section: Value) -> dict[str, tuple[str, ...]]:
    owners: dict[str, str] = {}
    members: dict[str, tuple[str, ...]] = {}
    for key, value in section.fields():
        if not _ID.fullmatch(key.key):
            raise key.fault("a family is named in a-z, 0-9 and _")
        fields = value.section(required=frozenset({"members"}), optional=frozenset({"reason"}))
        vendors = tuple(vendor.text() for vendor in fields["members"].items())
        if len(vendors) > 1 and "reason" not in fields:
            raise key.fault("a family of several vendors says why they are kin")
        for vendor in vendors:
            owner = owners.setdefault(vendor, key.key)
            if owner != key.key:
                raise key.fault(f"{vendor} is of the family {owner} already")
        members[key.key] = vendors
    return members


def _listed(section: Value, known: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    for value in section.items():
        if value.text() not in known:
            raise value.fault(f"{value.text()} is no family of this file")
    return frozenset(value.text() for value in section.items())


def _size(value: Value) -> Size:
    fields = _section(value, "families", "labels", "at_most")
    return Size(**{name: _whole(field) for name, field in fields.items()})


def _whole(value: Value) -> int:
    number = value.number(0, 1_000_000)
    if number != int(number):
        raise value.fault("expected a whole number")
    return int(number)


def _pattern(value: Value) -> re.Pattern[str]:
    try:
        return re.compile(value.text())
    except re.error as error:
        raise value.fault(f"is no regular expression: {error}") from error
