"""What would make the findings better: detectors that fail too often, and thresholds that are too low.

Every piece of advice is evaluated on stored data, and states its effect in numbers.

- **Coverage gap**: a detector that had to look and did not, in more than 5 % of the analyses with the whole
of
  Wilson's interval above it. Its effect: the share of analyses that stay undetermined, now and without those
  that miss this detector alone and that no finding leaves open. Without an effect it is not advised.
- **Threshold**: of a label that a model names, the least confidence at which people confirm 95 % of the
findings.
  It is chosen on the earlier half of their words and evaluated on the later, so that what is stated is not
  what was chosen for. Without an effect there it is not advised.

A threshold comes with a change of the Rego policy as well, where that could be weighed; see `rego_advice`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.catalogue import Priority
from analysis_svc.domain.insights.feedback import Feedback, Word
from analysis_svc.domain.insights.quality import MOST_WORDS, QualityFacts, last_words, rate_of
from analysis_svc.domain.insights.rego_advice import RegoAdvice, WeighRego
from analysis_svc.domain.insights.span import Span

MOST_TEXT = 120
LEAST_ANALYSES = 20
MOST_MISSED = 0.05
LEAST_WORDS = 40
LEAST_PRECISION = 0.95
LEAST_KEPT = 0.5
"""Share of the right findings that a threshold may cost at most half of."""
LEAST_THRESHOLD = 0.6
"""The mapper takes no lower one."""
MODEL_TIERS = frozenset({"model", "semantic"})
_MOST_EVIDENCE = 20
_NO_POLICY = RegoAdvice(None, "a policy does not decide whether a detector answers")


class AdviceKind(StrEnum):
    """What advice is about."""

    COVERAGE_GAP = "coverage_gap"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True)
class Effect:
    """What following the advice would have changed.

    Attributes:
        measure: what is measured, such as ``undetermined_share``.
        before: as it was.
        after: as it would have been.
        n: of how many analyses or words.
        cost_measure: what it costs, or empty.
        cost: how much of that, in [0, 1].
    """

    measure: str
    before: float
    after: float
    n: int
    cost_measure: str = ""
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Advised:
    """One piece of advice; `reason` and `remediation` have at most 120 characters.

    `rego` is the same as a change of a policy, or why there is none.
    """

    kind: AdviceKind
    subject: str
    reason: str
    remediation: str
    priority: Priority
    threshold: float | None
    effect: Effect
    evidence: tuple[UUID, ...]
    rego: RegoAdvice = _NO_POLICY


@dataclass(frozen=True, slots=True)
class CoverageGroup:
    """Analyses that the same detectors looked at and failed in.

    Attributes:
        looked: detectors that did look.
        failed: detectors that had to, or tried to, and gave nothing.
        undetermined: whether their risk is undetermined.
        analyses: how many.
        evidence: ids of the newest.
        left_open: whether a finding keeps them undetermined, whoever looks.
    """

    looked: tuple[str, ...]
    failed: tuple[str, ...]
    undetermined: bool
    analyses: int
    evidence: tuple[UUID, ...]
    left_open: bool = False


class CoverageFacts(Protocol):
    """Reads who looked."""

    async def coverage(self, tenant_id: UUID, span: Span) -> Sequence[CoverageGroup]:
        """Return the analyses of a span, grouped.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...


class GiveAdvice:
    """Advises a tenant."""

    def __init__(self, coverage: CoverageFacts, quality: QualityFacts, rego: WeighRego) -> None:
        self._coverage = coverage
        self._quality = quality
        self._rego = rego

    async def over(self, tenant_id: UUID, span: Span) -> tuple[Advised, ...]:
        """Return the advice that a span gives reason for, the most urgent first."""
        gaps = coverage_gaps(await self._coverage.coverage(tenant_id, span))
        words = await self._quality.words(tenant_id, span, limit=MOST_WORDS)
        raised = {one.subject: one for one in thresholds(words)}
        least = {label: one.threshold for label, one in raised.items() if one.threshold is not None}
        weighed = await self._rego.weigh(tenant_id, span, least, words)
        urgency = tuple(Priority)
        return tuple(
            sorted(
                [*gaps, *(replace(one, rego=weighed[label]) for label, one in raised.items())],
                key=lambda one: (urgency.index(one.priority), one.kind, one.subject),
            )
        )


def coverage_gaps(groups: Sequence[CoverageGroup]) -> Iterator[Advised]:
    """Advise on each detector that fails too often."""
    total = sum(group.analyses for group in groups)
    undetermined = sum(group.analyses for group in groups if group.undetermined)
    for name in sorted({name for group in groups for name in group.failed}):
        missing = [group for group in groups if name in group.failed]
        missed = sum(group.analyses for group in missing)
        asked = missed + sum(
            group.analyses for group in groups if name in group.looked and name not in group.failed
        )
        rate = rate_of(missed, asked)
        if asked < LEAST_ANALYSES or rate.low <= MOST_MISSED:
            continue
        alone = sum(
            group.analyses
            for group in missing
            if group.undetermined and not group.left_open and group.failed == (name,)
        )
        if not alone:
            continue
        short = _short(name)
        yield Advised(
            kind=AdviceKind.COVERAGE_GAP,
            subject=name,
            reason=f"{short} gave nothing in {missed} of {asked} analyses that needed it.",
            remediation=f"Repair {short} or give it more time; until then its silence is not a clean result.",
            priority=Priority.IMMEDIATE if rate.low > 0.5 else Priority.HIGH,  # noqa: PLR2004 - more than half
            threshold=None,
            effect=Effect("undetermined_share", undetermined / total, (undetermined - alone) / total, total),
            evidence=tuple(one for group in missing for one in group.evidence)[:_MOST_EVIDENCE],
        )


def thresholds(words: Sequence[Feedback]) -> Iterator[Advised]:
    """Advise on each label whose findings of low confidence are mostly wrong."""
    of_label: dict[str, list[Feedback]] = defaultdict(list)
    for word in sorted(last_words(words), key=lambda one: (one.given_at, one.id)):
        if word.tier in MODEL_TIERS:
            of_label[word.label].append(word)
    for label, many in sorted(of_label.items()):
        if len(many) < LEAST_WORDS:
            continue
        half = len(many) // 2
        chosen = _least_threshold(many[:half])
        if chosen is None:
            continue
        later = many[half:]
        kept = [word for word in later if word.confidence >= chosen]
        right, kept_right = _right(later), _right(kept)
        if not kept or not right or kept_right / len(kept) <= right / len(later):
            continue
        wrong = len(later) - right
        yield Advised(
            kind=AdviceKind.THRESHOLD,
            subject=label,
            reason=f"People reject {wrong} of {len(later)} findings, mostly those under {chosen:.2f}.",
            remediation=f"Raise label_thresholds.{label} to {chosen:.2f} in the mapper's settings.",
            priority=Priority.MEDIUM,
            threshold=chosen,
            effect=Effect(
                "precision",
                right / len(later),
                kept_right / len(kept),
                len(later),
                "right_findings_lost",
                1 - kept_right / right,
            ),
            evidence=tuple(
                word.given.evidence_id
                for word in later
                if word.given.word is not Word.CONFIRMED and word.confidence < chosen
            )[:_MOST_EVIDENCE],
        )


def _least_threshold(words: Sequence[Feedback]) -> float | None:
    """Return the least threshold that gives the precision asked for and keeps half of what is right."""
    right = _right(words)
    if not right or right / len(words) >= LEAST_PRECISION:
        return None
    for threshold in sorted({round(word.confidence, 2) for word in words}):
        kept = [word for word in words if word.confidence >= threshold]
        if threshold < LEAST_THRESHOLD or not kept:
            continue
        if _right(kept) / len(kept) >= LEAST_PRECISION:
            return threshold if _right(kept) >= LEAST_KEPT * right else None
    return None


def _right(words: Sequence[Feedback]) -> int:
    return sum(1 for word in words if word.given.word is Word.CONFIRMED)


def _short(name: str) -> str:
    """Return a name that leaves room for a sentence around it."""
    return name if len(name) <= 40 else f"{name[:37]}..."  # noqa: PLR2004 - of 120
