"""How good the findings are, as far as people's word and the stored evidence can tell.

- **Agreement**: share of findings that people confirm, with Wilson's 95 % interval. People look at what
strikes
  them, so it speaks for what was looked at and not for all findings.
- **Calibration**: expected calibration error over ten bins of confidence, ``sum_b n_b/n * |confirmed_b - mean
  confidence_b|`` (Naeini and others, 2015).
- **Drift**: population stability index between a span and the one of the same length before it,
  ``sum_i (p_i - q_i) ln(p_i / q_i)``, with half a count added to each class, and the Jensen-Shannon
  divergence in bits. Of ``k`` classes chance alone gives about ``(k - 1)(1/n + 1/m)``, which is told beside
  it and taken off before it is judged.
- **Fallback rate**: share of findings that no rule and no model could map. **Readable rate**: share whose
output
  could be read at all.

Where there is too little to say anything a figure is None, never a number that stands for none.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from analysis_svc.domain.catalogue import MODEL_ERROR, SAFE, UNKNOWN
from analysis_svc.domain.insights.feedback import Feedback, ReviewState, Word
from analysis_svc.domain.insights.quality_alerts import Alert, alerts_of
from analysis_svc.domain.insights.quality_figures import (
    Calibration,
    CalibrationBin,
    Drift,
    QualityFigures,
    Rate,
)
from analysis_svc.domain.insights.span import Span

LEAST_WORDS = 20
LEAST_CALIBRATED = 50
LEAST_FINDINGS = 200
MOST_WORDS = 20_000
BINS = 10
_Class = TypeVar("_Class")
_Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """Findings of a span, counted.

    Attributes:
        labels: by canonical label.
        confidences: by tenth of confidence, 0 to 9.
        tiers: by the tier that mapped them; those that name none are under the empty name.
    """

    labels: Mapping[str, int]
    confidences: Mapping[int, int]
    tiers: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.labels.values())


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The figures of a span, and which of them call for somebody."""

    span: Span
    figures: QualityFigures
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class KeptEvaluation:
    """An evaluation that the weekly schedule kept."""

    report: QualityReport
    evaluated_at: datetime


class EvaluationStore(Protocol):
    """Knows the evaluations that were kept."""

    async def page(self, tenant_id: UUID, *, before: datetime | None, limit: int) -> Sequence[KeptEvaluation]:
        """Return evaluations, the newest first, of spans that ended before a moment."""
        ...


class QualityFacts(Protocol):
    """Reads what quality is computed from. Each call raises StorageUnavailableError."""

    async def counts(self, tenant_id: UUID, span: Span) -> FindingCounts:
        """Return the findings of a span, counted."""
        ...

    async def words(self, tenant_id: UUID, span: Span, *, limit: int) -> Sequence[Feedback]:
        """Return the newest feedback that was given in a span."""
        ...


class Quality:
    """Computes the quality of a tenant's findings."""

    def __init__(self, facts: QualityFacts) -> None:
        self._facts = facts

    async def of(self, tenant_id: UUID, span: Span) -> QualityReport:
        """Return the quality over a span, held against the span of the same length before it."""
        before = Span(span.start - (span.end - span.start), span.start, span.application)
        figures = figures_of(
            await self._facts.counts(tenant_id, span),
            await self._facts.counts(tenant_id, before),
            await self._facts.words(tenant_id, span, limit=MOST_WORDS),
        )
        return QualityReport(span, figures, alerts_of(figures))


def figures_of(now: FindingCounts, before: FindingCounts, words: Sequence[Feedback]) -> QualityFigures:
    """Compute every figure."""
    counted = last_words(words)
    by_label: dict[str, list[Feedback]] = defaultdict(list)
    by_detector: dict[str, list[Feedback]] = defaultdict(list)
    for word in counted:
        by_label[word.label].append(word)
        if word.detector is not None:
            by_detector[word.detector].append(word)
    known = sum(now.tiers.values()) - now.tiers.get("", 0)
    return QualityFigures(
        findings=now.total,
        words={word: sum(1 for one in counted if one.given.word is word) for word in Word},
        agreement=_agreement(counted),
        agreement_by_label={
            name: rate for name, many in sorted(by_label.items()) if (rate := _agreement(many))
        },
        agreement_by_detector={
            name: rate for name, many in sorted(by_detector.items()) if (rate := _agreement(many))
        },
        people_agree=_people_agree(counted),
        calibration=_calibration(counted),
        label_drift=_drift(before.labels, now.labels),
        confidence_drift=_drift(before.confidences, now.confidences),
        fallback=rate_of(now.tiers.get("fallback", 0), known) if known >= LEAST_FINDINGS else None,
        readable=_share(now, now.total - now.labels.get(MODEL_ERROR, 0)),
        unknown=_share(now, now.labels.get(UNKNOWN, 0)),
        safe=_share(now, now.labels.get(SAFE, 0)),
    )


def rate_of(part: int, whole: int) -> Rate:
    """Return a share with Wilson's 95 % interval; `whole` is above 0."""
    share, spread = part / whole, _Z * _Z / whole
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    return Rate(share, max(0.0, middle - half), min(1.0, middle + half), whole)


def last_words(words: Iterable[Feedback]) -> list[Feedback]:
    """Return of each person's words on one finding the last; without what was rejected in review."""
    last: dict[tuple[UUID, str, str], Feedback] = {}
    for word in sorted(words, key=lambda one: (one.given_at, one.id)):
        last[word.given.evidence_id, word.given.finding_id, word.given_by] = word
    return [word for word in last.values() if word.state is not ReviewState.REJECTED]


def _share(counts: FindingCounts, part: int) -> Rate | None:
    return rate_of(part, counts.total) if counts.total >= LEAST_FINDINGS else None


def _agreement(words: Sequence[Feedback]) -> Rate | None:
    if len(words) < LEAST_WORDS:
        return None
    return rate_of(sum(1 for one in words if one.given.word is Word.CONFIRMED), len(words))


def _people_agree(words: Sequence[Feedback]) -> Rate | None:
    """Return of how many findings that several people spoke of they all said the same."""
    said: dict[tuple[UUID, str], list[tuple[Word, str | None]]] = defaultdict(list)
    for word in words:
        given = word.given
        said[given.evidence_id, given.finding_id].append((given.word, given.right_label))
    several = [many for many in said.values() if len(many) > 1]
    if len(several) < LEAST_WORDS:
        return None
    return rate_of(sum(1 for many in several if len(set(many)) == 1), len(several))


def _calibration(words: Sequence[Feedback]) -> Calibration | None:
    if len(words) < LEAST_CALIBRATED:
        return None
    bins: dict[int, list[Feedback]] = defaultdict(list)
    for word in words:
        bins[min(int(word.confidence * BINS), BINS - 1)].append(word)
    rows = []
    for number, many in sorted(bins.items()):
        confirmed = sum(1 for one in many if one.given.word is Word.CONFIRMED) / len(many)
        confidence = math.fsum(one.confidence for one in many) / len(many)
        rows.append(CalibrationBin(number / BINS, (number + 1) / BINS, len(many), confidence, confirmed))
    error = math.fsum(row.words / len(words) * abs(row.confirmed - row.confidence) for row in rows)
    return Calibration(error, len(words), tuple(rows))


def _drift(before: Mapping[_Class, int], now: Mapping[_Class, int]) -> Drift | None:
    n, m = sum(before.values()), sum(now.values())
    if n < LEAST_FINDINGS or m < LEAST_FINDINGS:
        return None
    classes = sorted({*before, *now}, key=str)
    size = len(classes)
    old = [(before.get(one, 0) + 0.5) / (n + 0.5 * size) for one in classes]
    new = [(now.get(one, 0) + 0.5) / (m + 0.5 * size) for one in classes]
    psi = math.fsum((p - q) * math.log(p / q) for q, p in zip(old, new, strict=True))
    middle = [(p + q) / 2 for q, p in zip(old, new, strict=True)]
    divergence = (_relative(old, middle) + _relative(new, middle)) / 2
    return Drift(psi, divergence, (size - 1) * (1 / n + 1 / m), n, m)


def _relative(of: Sequence[float], to: Sequence[float]) -> float:
    return math.fsum(p * math.log2(p / q) for p, q in zip(of, to, strict=True))
