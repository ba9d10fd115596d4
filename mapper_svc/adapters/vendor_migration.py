"""Rewrites vendor files for another edition: only the labels, every other character stays."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import yaml

from mapper_svc.adapters.marked_yaml import Value, read_yaml
from mapper_svc.adapters.vendor_files import load_vendors
from mapper_svc.domain.editions.compare import GENERAL, VendorRow
from mapper_svc.domain.editions.remap import Remap
from mapper_svc.domain.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class VendorMigration:
    """What a migration does to a folder of vendor files.

    Attributes:
        texts: new text by file, changed files only.
        rows: the rows that change, or that somebody has to decide.
        diff: the changes as a unified diff.
        strays: vendor and raw label of decisions for rows that a vendor file does not have.
    """

    texts: Mapping[Path, str]
    rows: tuple[VendorRow, ...]
    diff: str
    strays: tuple[tuple[str, str], ...]

    @property
    def undecided(self) -> tuple[VendorRow, ...]:
        """The rows that somebody has to decide; while there are any, nothing is written."""
        return tuple(row for row in self.rows if row.after is None)


def plan_vendor_migration(folder: Path, remap: Remap, old: Taxonomy, new: Taxonomy) -> VendorMigration:
    """Works out what becomes of each vendor file, and that the outcome is right for the new edition.

    A row whose label is of the new edition already stays as it is, so that a folder migrated in part, or
    wholly, can be migrated again.

    Raises:
        DataFaultError: a file is broken, names a label of neither edition, or would not load afterwards.
    """
    texts: dict[Path, str] = {}
    rows: list[VendorRow] = []
    diff: list[str] = []
    strays: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.yaml")):
        before = path.read_bytes().decode("utf-8")
        after = before
        strays += _strays(path, remap)
        # From the end, so that places further up stay where they are.
        for row, value in reversed(list(_rows(path, remap, old, new))):
            rows.append(row)
            if row.after is not None:
                after = _replaced(after, value, row.after)
        if after != before:
            texts[path] = after
            diff += unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                f"{old.edition}/{path.name}",
                f"{new.edition}/{path.name}",
                n=0,
            )
    plan = VendorMigration(
        texts, tuple(sorted(rows, key=lambda row: (row.vendor, row.raw))), "".join(diff), tuple(strays)
    )
    if not plan.undecided:
        _check(folder, texts, new)
    return plan


def write_vendor_migration(plan: VendorMigration) -> None:
    """Writes the changed files, each whole or not at all; what a crash left over is migrated next time.

    Raises:
        ValueError: somebody has to decide first.
    """
    if plan.undecided:
        raise ValueError("rows are undecided")
    for path, text in plan.texts.items():
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=path.parent, delete=False
        ) as file:
            file.write(text)
        Path(file.name).chmod(path.stat().st_mode)
        os.replace(file.name, path)  # noqa: PTH105 - Path.replace is the same, and reads the other way round


def _rows(path: Path, remap: Remap, old: Taxonomy, new: Taxonomy) -> Iterator[tuple[VendorRow, Value]]:
    vendor = path.stem
    for raw, value in _labels(read_yaml(path)):
        before = value.text()
        if before not in old.labels and before not in new.labels:
            raise value.fault(f"{before} is no label of {old.edition} and none of {new.edition}")
        if before in remap.changes:
            after = remap.row_target(vendor, raw, before)
            if after != before:
                yield VendorRow(vendor, raw, before, after), value


def _strays(path: Path, remap: Remap) -> list[tuple[str, str]]:
    decided = {raw for change in remap.changes.values() for raw in change.rows.get(path.stem, {})}
    there = {raw for raw, _ in _labels(read_yaml(path))} if decided else set()
    return [(path.stem, raw) for raw in sorted(decided - there)]


def _labels(document: Value) -> Iterator[tuple[str, Value]]:
    for key, value in document.fields():
        if key.key == "general":
            yield GENERAL, value
        elif key.key == "labels":
            for raw, rule in value.fields():
                if rule.is_text:
                    yield raw.key, rule
                else:
                    yield from ((raw.key, to) for name, to in rule.fields() if name.key == "to")


def _replaced(text: str, value: Value, label: str) -> str:
    start, end = value.node.start_mark.index, value.node.end_mark.index
    written = text[start:end]
    quote = written[0] if written[:1] in {'"', "'"} else ""
    if not isinstance(value.node, yaml.ScalarNode) or written.strip("\"'") != value.node.value:
        raise value.fault("is written in a way that cannot be rewritten; put the label in one plain word")
    return f"{text[:start]}{quote}{label}{quote}{text[end:]}"


def _check(folder: Path, texts: Mapping[Path, str], new: Taxonomy) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for path in folder.glob("*.yaml"):
            text = texts.get(path)
            copy = Path(scratch) / path.name
            copy.write_bytes(path.read_bytes() if text is None else text.encode())
        load_vendors(new, Path(scratch))
