import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload
from mapper_svc.domain.taxonomy import MODEL_ERROR, UNKNOWN, Taxonomy

ERRORS_SHOWN = 20
_NOT_COVERED = frozenset({UNKNOWN, MODEL_ERROR})
_FIELDS = frozenset({"vendor", "raw", "gold", "also", "meaning"})

LabelMapper = Callable[[str, str], str]
"""Gives the canonical label of a vendor's raw label."""


class EvaluationRowError(ValueError):
    """A line of an evaluation file is no row; the message begins with the line's number, counted from 1."""


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One raw label with the canonical label it should get, and others that are right as well."""

    vendor: str
    raw: str
    gold: str
    also: frozenset[str]


def read_rows(lines: Iterable[str], taxonomy: Taxonomy) -> Iterator[EvaluationRow]:
    """Reads JSON Lines of `{vendor, raw, gold, also?, meaning?}`; empty lines are passed over.

    Raises:
        EvaluationRowError: not JSON, a missing, unknown or wrongly typed field, or a label that the edition
            does not have.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, number, taxonomy)


def _row(line: str, number: int, taxonomy: Taxonomy) -> EvaluationRow:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise EvaluationRowError(f"line {number}: is not JSON") from None
    if not isinstance(row, dict):
        raise EvaluationRowError(f"line {number}: is no object")
    if unknown := sorted(row.keys() - _FIELDS):
        raise EvaluationRowError(f"line {number}: {unknown[0]!r} is no field of a row")
    for name in ("vendor", "raw", "gold"):
        if not isinstance(row.get(name), str) or not row[name]:
            raise EvaluationRowError(f"line {number}: {name} must be a text")
    also = row.get("also") or []
    if not isinstance(also, list) or not all(isinstance(label, str) for label in also):
        raise EvaluationRowError(f"line {number}: also must be a list of labels")
    for label in (row["gold"], *also):
        if label not in taxonomy.labels:
            raise EvaluationRowError(f"line {number}: {label!r} is no label of taxonomy {taxonomy.edition}")
    return EvaluationRow(vendor=row["vendor"], raw=row["raw"], gold=row["gold"], also=frozenset(also))


def rule_mapper(catalogue: Catalogue, now: datetime) -> LabelMapper:
    """Returns the rule tier as a function of vendor and raw label, through the whole of map_payload."""

    def answer(vendor: str, raw: str) -> str:
        result = map_payload(MapperPayload(detector=vendor, output=raw), catalogue=catalogue, now=now)
        return result.findings[0].taxonomy[0]

    return answer


def evaluate(rows: Iterable[EvaluationRow], mapper: LabelMapper) -> dict[str, object]:
    """Scores a mapper on rows.

    A row is right when the answer is its gold label or one of `also`; it then counts as an answer of gold.

    Returns:
        rows: how many; accuracy: right / rows; macro_f1: the unweighted mean, over every label that is gold
        or answered in some row, of F1 = 2 TP / (2 TP + FP + FN); coverage: share of rows answered with
        something else than OTHER.Unknown and OTHER.ModelError; per_vendor: the same four by vendor;
        errors: the first 20 wrong rows. All shares are in [0, 1], and 0.0 without rows.
    """
    all_pairs: list[tuple[EvaluationRow, str]] = [(row, mapper(row.vendor, row.raw)) for row in rows]
    by_vendor: dict[str, list[tuple[EvaluationRow, str]]] = defaultdict(list)
    for row, answer in all_pairs:
        by_vendor[row.vendor].append((row, answer))
    errors = [
        {"vendor": row.vendor, "raw": row.raw, "gold": row.gold, "answer": answer}
        for row, answer in all_pairs
        if not _right(row, answer)
    ]
    return {
        **_figures(all_pairs),
        "per_vendor": {vendor: _figures(pairs) for vendor, pairs in sorted(by_vendor.items())},
        "errors": errors[:ERRORS_SHOWN],
    }


def _right(row: EvaluationRow, answer: str) -> bool:
    return answer == row.gold or answer in row.also


def _figures(pairs: list[tuple[EvaluationRow, str]]) -> dict[str, int | float]:
    right = sum(_right(row, answer) for row, answer in pairs)
    covered = sum(answer not in _NOT_COVERED for _, answer in pairs)
    total = max(len(pairs), 1)
    return {
        "rows": len(pairs),
        "accuracy": round(right / total, 6),
        "macro_f1": round(_macro_f1(pairs), 6),
        "coverage": round(covered / total, 6),
    }


def _macro_f1(pairs: list[tuple[EvaluationRow, str]]) -> float:
    hits: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row, answer in pairs:
        if _right(row, answer):
            hits[row.gold] += 1
        else:
            missed[row.gold] += 1
            wrong[answer] += 1
    labels = hits.keys() | missed.keys() | wrong.keys()
    return sum(_f1(label, hits, missed, wrong) for label in labels) / max(len(labels), 1)


def _f1(label: str, hits: Mapping[str, int], missed: Mapping[str, int], wrong: Mapping[str, int]) -> float:
    return 2 * hits[label] / (2 * hits[label] + missed[label] + wrong[label])
