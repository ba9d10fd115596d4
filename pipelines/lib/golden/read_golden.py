from collections.abc import Iterable
from pathlib import Path

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.golden.golden_row import GoldenRow

GOLDEN_DIR = Path(__file__).parents[3] / "tests" / "data" / "golden"
"""Where the golden set lies in a checkout; it is no part of the installed package."""


def read_golden(taxonomy: Taxonomy, folder: Path = GOLDEN_DIR) -> tuple[GoldenRow, ...]:
    """Reads every `<vendor>.jsonl` of a folder, in the order of the vendors' names.

    Args:
        taxonomy: the edition whose labels may be expected.
        folder: where the files are.

    Raises:
        DataFaultError: there is no file, or a line is no row, repeats an id or a payload of its vendor, or
            expects a label that the edition does not have; names file and line.
    """
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise DataFaultError(folder, 1, "", "there is no golden set")
    return tuple(row for path in paths for row in read_vendor_file(path, taxonomy))


def read_vendor_file(path: Path, taxonomy: Taxonomy) -> tuple[GoldenRow, ...]:
    """Reads the rows of one vendor; raises as `read_golden` does."""
    decoder = msgspec.json.Decoder(GoldenRow)
    rows: list[GoldenRow] = []
    ids: dict[str, int] = {}
    payloads: dict[tuple[str, str | None, str], int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataFaultError(path, number, "", str(error)) from error
        _check(row, path, number, taxonomy)
        first = ids.setdefault(row.id, number)
        if first != number:
            raise DataFaultError(path, number, "id", f"{row.id} is already that of line {first}")
        first = payloads.setdefault((row.payload_key, row.version, row.name), number)
        if first != number:
            raise DataFaultError(path, number, "output", f"is the same payload as in line {first}")
        rows.append(row)
    return tuple(rows)


def distinct_payloads(rows: Iterable[GoldenRow]) -> dict[str, int]:
    """Returns how many different payloads each vendor has; version and name make no difference."""
    seen: dict[str, set[str]] = {}
    for row in rows:
        seen.setdefault(row.vendor, set()).add(row.payload_key)
    return {vendor: len(payloads) for vendor, payloads in seen.items()}


def _check(row: GoldenRow, path: Path, number: int, taxonomy: Taxonomy) -> None:
    if row.vendor != path.stem or not row.id.startswith(f"{row.vendor}/"):
        raise DataFaultError(path, number, "vendor", f"must be {path.stem!r}, the name of the file")
    if not row.expected.findings:
        raise DataFaultError(path, number, "findings", "every payload comes to at least one finding")
    for label, bounds in row.expected.findings.items():
        if label not in taxonomy.labels:
            raise DataFaultError(path, number, label, f"is no label of taxonomy {taxonomy.edition}")
        if bounds is not None and bounds[0] > bounds[1]:
            raise DataFaultError(path, number, label, "the lowest risk is above the highest")
    text = row.payload_key
    for hidden in row.hidden:
        if msgspec.json.encode(hidden).decode()[1:-1] not in text:
            raise DataFaultError(path, number, "hidden", f"{hidden!r} is not in the payload")
