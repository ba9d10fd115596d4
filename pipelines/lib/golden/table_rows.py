"""Makes the systematic rows of the golden set: `python -m pipelines.lib.golden.table_rows`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import click
import msgspec
import yaml
from msgspec import Meta

from pipelines.lib.golden.golden_row import Bounds, Expected, GoldenRow
from pipelines.lib.golden.read_golden import GOLDEN_DIR

TABLE = "systematic.yaml"
"""File name of the table, beside the rows."""
_LABEL, _LEVEL, _REST = "$label", "$level", "$rest"


class _Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: str | float | bool
    risk: Bounds


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    payload: object
    levels: Annotated[tuple[_Level, ...], Meta(min_length=1)]
    labels: Annotated[Mapping[str, tuple[str, ...]], Meta(min_length=1)]


def table_rows(table: Path) -> dict[str, tuple[GoldenRow, ...]]:
    """Returns the rows of a table by vendor: every label at every level, in the order of the table.

    Raises:
        msgspec.ValidationError: the table is of another shape.
    """
    decoded = yaml.safe_load(table.read_text(encoding="utf-8"))
    parts = msgspec.convert(decoded, dict[str, tuple[_Part, ...]])
    return {vendor: tuple(_rows(vendor, some)) for vendor, some in parts.items()}


def write_table_rows(folder: Path) -> dict[str, int]:
    """Writes a table's rows behind those that were written by hand, in the place of earlier ones.

    Returns how many there are for each vendor.
    """
    made = table_rows(folder / TABLE)
    for vendor, rows in made.items():
        path = folder / f"{vendor}.jsonl"
        by_hand = [line for line in path.read_bytes().splitlines() if not _of_the_table(line)]
        lines = by_hand + [msgspec.json.encode(_without_nulls(row)) for row in rows]
        path.write_bytes(b"\n".join(lines) + b"\n")
    return {vendor: len(rows) for vendor, rows in made.items()}


def _rows(vendor: str, parts: tuple[_Part, ...]) -> Iterator[GoldenRow]:
    number = 0
    for part in parts:
        everything = tuple(raw for raws in part.labels.values() for raw in raws)
        for label, raws in part.labels.items():
            for raw in raws:
                for level in part.levels:
                    number += 1
                    yield GoldenRow(
                        id=f"{vendor}/t{number:03d}",
                        vendor=vendor,
                        output=_filled(part.payload, raw, level.value, everything),
                        expected=Expected(findings={label: level.risk}, tier="rule"),
                        why=f"{raw} at {level.value}",
                    )


def _filled(node: object, raw: str, level: object, everything: tuple[str, ...]) -> object:
    if isinstance(node, Mapping):
        out: dict[str, object] = {}
        for key, value in node.items():
            filled = _filled(value, raw, level, everything)
            if key == _REST:
                out.update({other: filled for other in everything if other != raw})
            else:
                out[raw if key == _LABEL else key] = filled
        return out
    if isinstance(node, list):
        return [_filled(one, raw, level, everything) for one in node]
    if node == _LEVEL:
        return level
    if isinstance(node, str):
        return node.replace(_LABEL, raw).replace(_LEVEL, str(level))
    return node


def _of_the_table(line: bytes) -> bool:
    return "/t" in msgspec.json.decode(line)["id"]


def _without_nulls(row: GoldenRow) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(row)
    return {name: value for name, value in fields.items() if value is not None and value != []}


if __name__ == "__main__":
    for vendor, count in write_table_rows(GOLDEN_DIR).items():
        click.echo(f"{vendor}: {count}")
