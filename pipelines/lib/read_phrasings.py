from collections.abc import Iterator
from pathlib import Path

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.families import PhrasingFamilies
from pipelines.lib.licences import OURS
from pipelines.lib.strict_jsonl import read_jsonl


class Phrasing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a file of phrasings.

    Attributes:
        label: canonical label.
        family: way of writing, as listed in phrasing_families.yaml.
        lang: ISO 639-1 code.
        raw: how somebody's own rule might be called.
    """

    label: str
    family: str
    lang: str
    raw: str


def phrasing_candidates(folder: Path, families: PhrasingFamilies) -> Iterator[Candidate]:
    """Yields one row per line of the files of written phrasings.

    Raises:
        DataFaultError: a line is no phrasing or is of an unknown family; names file and line.
    """
    for path in sorted(folder.glob("*.jsonl")):
        for line, phrasing in read_jsonl(path, Phrasing):
            if not families.knows(phrasing.family):
                raise DataFaultError(
                    path, line, "family", f"{phrasing.family} is not in phrasing_families.yaml"
                )
            family = families.family_of(phrasing.raw)
            yield Candidate(
                vendor="in_house",
                raw=phrasing.raw,
                label=phrasing.label,
                family=f"phrasing_{phrasing.family} {family}",
                source=Source.PHRASING,
                licence=OURS,
                origin=f"phrasings/{path.name}",
                lang=phrasing.lang,
                split=Split.TRAIN if path.name in families.undrawn else families.split_of(family),
            )
