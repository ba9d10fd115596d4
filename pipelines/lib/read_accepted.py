"""Labels that are right as well for a row that is scored, which a table with one label each cannot say."""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.build_dataset import DATA_DIR
from pipelines.lib.strict_jsonl import read_jsonl

ACCEPTED_FILE = DATA_DIR / "accepted.jsonl"
"""The list that comes with the pipelines.

For rows of vendors: what both annotators of `annotations.jsonl` named, who saw the detector's id, the raw
label and the taxonomy, neither the vendor's table nor an answer of a model nor each other.
"""


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vendor: str
    raw: str
    also: tuple[str, ...]


def read_accepted(
    labels: Collection[str], path: Path = ACCEPTED_FILE
) -> Mapping[tuple[str, str], frozenset[str]]:
    """Returns the further labels that are right, by vendor and raw label.

    Args:
        labels: labels of the edition.
        path: the list.

    Raises:
        DataFaultError: a line names no label, one outside the edition, or a row twice; names file and line.
    """
    accepted: dict[tuple[str, str], frozenset[str]] = {}
    for line, one in read_jsonl(path, _Line):
        if not one.also:
            raise DataFaultError(path, line, "also", "is empty: leave the line out")
        for label in one.also:
            if label not in labels:
                raise DataFaultError(path, line, "also", f"{label} is no label of the edition")
        if (one.vendor, one.raw) in accepted:
            raise DataFaultError(path, line, "raw", f"{one.raw} of {one.vendor} stands above already")
        accepted[one.vendor, one.raw] = frozenset(one.also)
    return accepted
