from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.judge import Answer, Answered, judge

AskMapper = Callable[[Sequence[GoldenRow]], Iterable[Answer]]
"""Gives one answer for each row, in order."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A row that the mapper got wrong, and why."""

    row: GoldenRow
    reason: str


@dataclass(frozen=True, slots=True)
class VendorScore:
    """How many rows of a vendor there are, and how many of them are right."""

    rows: int
    right: int

    @property
    def share(self) -> float:
        """The share that is right, in [0, 1]."""
        return self.right / self.rows


@dataclass(frozen=True, slots=True)
class GoldenScore:
    """The golden set's score: overall, by vendor, and every row that is wrong."""

    overall: VendorScore
    vendors: dict[str, VendorScore]
    wrong: tuple[Wrong, ...]


def score_golden(rows: Sequence[GoldenRow], ask: AskMapper) -> GoldenScore:
    """Asks for every row and judges the answers.

    Args:
        rows: at least one.
        ask: whom to ask; `by_rules` and `MapperOverHttp` are at hand.

    Raises:
        ValueError: there is no row, or there are not as many answers as rows.
    """
    if not rows:
        raise ValueError("there is nothing to score")
    wrong: list[Wrong] = []
    counts: dict[str, list[int]] = {}
    for row, answer in zip(rows, ask(rows), strict=True):
        reason = judge(row, answer)
        if reason is not None:
            wrong.append(Wrong(row, reason))
        count = counts.setdefault(row.vendor, [0, 0])
        count[0] += 1
        count[1] += reason is None
    return GoldenScore(
        overall=VendorScore(len(rows), len(rows) - len(wrong)),
        vendors={vendor: VendorScore(*count) for vendor, count in counts.items()},
        wrong=tuple(wrong),
    )


def by_rules(catalogue: Catalogue, now: datetime) -> AskMapper:
    """Returns what maps rows offline, by the catalogue's rules alone."""

    def ask(rows: Sequence[GoldenRow]) -> Iterable[Answer]:
        for row in rows:
            entry = ProvenanceEntry(detector=row.name, output=row.output, version=row.version)
            payload = MapperPayload(detector=row.name, provenance=(entry,))
            yield _answer(map_payload(payload, catalogue=catalogue, now=now))

    return ask


def _answer(result: MapResult) -> Answer:
    found = (
        Answered(label, finding.scores[label], finding.tier.value)
        for finding in result.findings
        for label in finding.taxonomy
    )
    return Answer(tuple(found), msgspec.json.encode(result).decode())
