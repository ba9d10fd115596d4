from collections.abc import Hashable, Iterable

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.normalise import duplicate_key

TRUST = {source: rank for rank, source in enumerate(Source)}
"""Rank of a source, the most trusted first."""


def remove_duplicates(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Returns the candidates in a fixed order, each text once per label and side of the split.

    Of equal rows the one from the most trusted source stays. Vendor rows outside training are cases of their
    family, so there each family keeps its own; opaque labels are kept for each vendor.
    """
    kept: dict[Hashable, Candidate] = {}
    for candidate in sorted(candidates, key=_order):
        kept.setdefault(_identity(candidate), candidate)
    return list(kept.values())


def _order(candidate: Candidate) -> tuple[int, str, str, str, str]:
    return (TRUST[candidate.source], candidate.family, candidate.vendor, candidate.raw, candidate.label)


def _identity(candidate: Candidate) -> Hashable:
    if candidate.opaque:
        return ("opaque", candidate.vendor, candidate.raw)
    of_family = candidate.source is Source.VENDOR and candidate.split is not Split.TRAIN
    return (
        candidate.split,
        candidate.family if of_family else "",
        duplicate_key(candidate.raw),
        candidate.label,
    )
