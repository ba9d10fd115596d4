import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

from mapper_svc.domain.taxonomy import Taxonomy

ERRORS_SHOWN = 20
_BINS = 10
_FIELDS = frozenset({"vendor", "raw", "gold", "also", "meaning", "lang", "kind"})


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
    """Reads JSON Lines of `{vendor, raw, gold, also?}`; skips empty lines, `meaning`, `lang` and `kind`.

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


@dataclass(frozen=True, slots=True)
class EvaluatedAnswer:
    """What was answered for a row.

    Attributes:
        label: the canonical label, or the best guess where none was taken.
        confidence: how sure of it, in [0, 1]; None where nothing was said of that.
        taken: whether the mapper would answer so; otherwise it abstains.
        tier: which tier it was.
    """

    label: str
    confidence: float | None
    taken: bool
    tier: str


def evaluate(pairs: Iterable[tuple[EvaluationRow, EvaluatedAnswer]]) -> dict[str, object]:
    """Scores answers to rows.

    A row is right when the answer is its gold label or one of `also`; it then counts as an answer of gold.

    Returns:
        rows: how many; accuracy: right / rows, guesses included; macro_f1: the unweighted mean, over every
        label that is gold or answered in some row, of F1 = 2 TP / (2 TP + FP + FN); coverage: share of rows
        whose answer was taken; precision: share of those that are right; ece: expected calibration error
        over the rows with a confidence, in ten bins of equal mass; per_vendor: the same by vendor; tiers: how
        many answers each tier gave; errors: the first 20 wrong rows. All shares are in [0, 1], and 0.0 where
        there is nothing to share.
    """
    all_pairs = list(pairs)
    by_vendor: dict[str, list[tuple[EvaluationRow, EvaluatedAnswer]]] = defaultdict(list)
    for row, answer in all_pairs:
        by_vendor[row.vendor].append((row, answer))
    errors = [
        {"vendor": row.vendor, "raw": row.raw, "gold": row.gold, "answer": answer.label}
        for row, answer in all_pairs
        if not _right(row, answer)
    ]
    return {
        **_figures(all_pairs),
        "per_vendor": {vendor: _figures(pairs) for vendor, pairs in sorted(by_vendor.items())},
        "tiers": dict(sorted(Counter(answer.tier for _, answer in all_pairs).items())),
        "errors": errors[:ERRORS_SHOWN],
    }


def _right(row: EvaluationRow, answer: EvaluatedAnswer) -> bool:
    return answer.label == row.gold or answer.label in row.also


def _figures(pairs: list[tuple[EvaluationRow, EvaluatedAnswer]]) -> dict[str, int | float]:
    right = sum(_right(row, answer) for row, answer in pairs)
    taken = [_right(row, answer) for row, answer in pairs if answer.taken]
    total = max(len(pairs), 1)
    return {
        "rows": len(pairs),
        "accuracy": round(right / total, 6),
        "macro_f1": round(_macro_f1(pairs), 6),
        "coverage": round(len(taken) / total, 6),
        "precision": round(sum(taken) / max(len(taken), 1), 6),
        "ece": round(_ece(pairs), 6),
    }


def _ece(pairs: list[tuple[EvaluationRow, EvaluatedAnswer]]) -> float:
    """Returns the mean distance of confidence and accuracy, weighted by rows, over bins of equal mass."""
    said = [
        (answer.confidence, _right(row, answer)) for row, answer in pairs if answer.confidence is not None
    ]
    sure = sorted(said, key=itemgetter(0))  # by confidence alone: among equals nobody knows who is right
    bins = min(_BINS, len(sure))
    error = 0.0
    for index in range(bins):
        part = sure[index * len(sure) // bins : (index + 1) * len(sure) // bins]
        error += abs(sum(confidence for confidence, _ in part) - sum(right for _, right in part))
    return error / max(len(sure), 1)


def _macro_f1(pairs: list[tuple[EvaluationRow, EvaluatedAnswer]]) -> float:
    hits: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row, answer in pairs:
        if _right(row, answer):
            hits[row.gold] += 1
        else:
            missed[row.gold] += 1
            wrong[answer.label] += 1
    labels = hits.keys() | missed.keys() | wrong.keys()
    return sum(_f1(label, hits, missed, wrong) for label in labels) / max(len(labels), 1)


def _f1(label: str, hits: Mapping[str, int], missed: Mapping[str, int], wrong: Mapping[str, int]) -> float:
    return 2 * hits[label] / (2 * hits[label] + missed[label] + wrong[label])
