"""The golden set of native payloads, answered as the mapper answers them when this version is its model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry
from mapper_svc.domain.taxonomy import UNKNOWN
from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.report import Golden
from pipelines.lib.evaluation.tier_scores import GroupScore
from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.judge import Answer, Answered
from pipelines.lib.golden.read_golden import read_golden
from pipelines.lib.golden.score_golden import VendorScore
from pipelines.lib.golden.score_golden import score_golden as judge_rows
from pipelines.lib.training.measure import Share

AskModel = Callable[[Sequence[tuple[str | None, str]]], Sequence[str | None]]
"""Gives the label of each pair of vendor and raw label, or None where the version is not sure enough."""


def score_golden(
    edition: str,
    ask: AskModel,
    take: Callable[[Sequence[GoldenRow]], Sequence[GoldenRow]] = lambda rows: rows,
) -> Golden:
    """Scores the golden set: the mapper's own reading of each payload, this version where no rule holds.

    Args:
        edition: edition of the taxonomy.
        ask: the version that is measured.
        take: takes some of the payloads; by default all.
    """
    catalogue = load_catalogue(edition)
    try:
        rows = take(read_golden(catalogue.taxonomy))
    except DataFaultError as error:
        return Golden(None, (), f"the golden set cannot be read: {error}")
    asked: dict[tuple[str | None, str], None] = {}
    results = [_by_rules(row, catalogue) for row in rows]
    for result in results:
        asked.update(dict.fromkeys((one.vendor, one.raw) for one in result.unmapped))
    named = dict(zip(asked, ask(list(asked)), strict=True))
    score = judge_rows(rows, lambda _: (_answer(result, named) for result in results))
    return Golden(
        accuracy=_figure(score.overall),
        vendors=tuple(GroupScore(name, name, _figure(one)) for name, one in score.vendors.items()),
        note=f"{len(rows)} payloads of {len(score.vendors)} vendors, {len(asked)} labels asked of the model",
    )


def _by_rules(row: GoldenRow, catalogue: Catalogue) -> MapResult:
    entry = ProvenanceEntry(detector=row.name, output=row.output, version=row.version)
    payload = MapperPayload(detector=row.name, provenance=(entry,))
    return map_payload(payload, catalogue=catalogue, now=datetime.now(UTC))


def _answer(result: MapResult, named: Mapping[tuple[str | None, str], str | None]) -> Answer:
    return Answer(tuple(_findings(result, named)), msgspec.json.encode(result).decode())


def _findings(result: MapResult, named: Mapping[tuple[str | None, str], str | None]) -> Iterable[Answered]:
    for finding in result.findings:
        for label in finding.taxonomy:
            model = None
            if label == UNKNOWN:
                model = named.get((finding.provenance.vendor, finding.raw.label))
            if model is None:
                yield Answered(label, finding.scores[label], finding.tier.value)
            else:
                yield Answered(model, finding.scores[label], "model")


def _figure(score: VendorScore) -> Figure:
    share = Share.of(score.right, score.rows)
    return Figure(share.value, share.low, share.high, share.cases)
