from pathlib import Path

import msgspec

from pipelines.lib.strict_jsonl import read_jsonl


class FreeForm(msgspec.Struct, frozen=True):
    """One case of the free-form held-out set; what else stands in a line does not matter here.

    Attributes:
        raw: the label of nobody's detector.
        gold: its canonical label.
        also: other labels that are acceptable.
    """

    raw: str
    gold: str
    also: tuple[str, ...] = ()


def read_free_form(folder: Path) -> tuple[FreeForm, ...]:
    """Reads the free-form held-out set, only to keep training away from it.

    Raises:
        DataFaultError: a line is no case; names file and line.
    """
    return tuple(case for path in sorted(folder.glob("*.jsonl")) for _, case in read_jsonl(path, FreeForm))
