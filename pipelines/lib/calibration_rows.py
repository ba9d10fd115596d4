"""Free-form labels for validation: by somebody who had read neither the phrasings nor the held-out set."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.licences import OURS
from pipelines.lib.strict_jsonl import read_jsonl


class _Line(msgspec.Struct, frozen=True):
    vendor: str
    raw: str
    gold: str
    lang: str


def calibration_candidates(folder: Path) -> Iterator[Candidate]:
    """Yields one row for validation per line of the files; each made-up company is a family.

    What else is right for a row stands in the list of accepted labels.

    Raises:
        DataFaultError: a line is no such row; names file and line.
    """
    for path in sorted(folder.glob("*.jsonl")):
        for _, one in read_jsonl(path, _Line):
            yield Candidate(
                vendor=one.vendor,
                raw=one.raw,
                label=one.gold,
                family=f"free_form {one.vendor}",
                source=Source.FREE_FORM,
                licence=OURS,
                origin=f"calibration/{path.name}",
                lang=one.lang,
                split=Split.VALIDATION,
            )
