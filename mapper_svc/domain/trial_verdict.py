"""What an A/B trial has shown so far, by a test that may be looked at at any time."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mapper_svc.domain.confidence_sequence import confidence_sequence
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, ArmFigures, only_slow, only_unsure


class Measure(StrEnum):
    """What the two versions are compared by.

    Members:
        AGREEMENT: of labels, asked of both, of which both are sure: the share that both call the same.
        FEEDBACK: share of findings that people called right, in each arm.
        FALLBACK: of labels, asked of both, on which one alone abstains: the share where the tried one does.
        LATENCY: of calls, made to both, in which one alone is slow: the share where the tried one is.
    """

    AGREEMENT = "agreement"
    FEEDBACK = "feedback"
    FALLBACK = "fallback"
    LATENCY = "latency"


ENDS_A_TRIAL = frozenset(Measure) - {Measure.FEEDBACK}
"""What may take a version back by itself. Feedback may not: one tenant could vote a version away from all."""


class Finding(StrEnum):
    """What is shown of one measure; ENOUGH is said of an agreement that is above its limit."""

    BETTER = "better"
    WORSE = "worse"
    ENOUGH = "enough"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One measure of an A/B trial.

    Attributes:
        measure: which.
        finding: what is shown, at an error of alpha over all measures and all looks together.
        estimate: of the share that the measure is; of feedback the difference, tried minus active. None
            without trials.
        low: lower end of its confidence sequence.
        high: upper end of it.
        trials: how many there were that tell anything.
    """

    measure: Measure
    finding: Finding
    estimate: float | None
    low: float
    high: float
    trials: int


def verdicts(counts: Mapping[str, int], *, alpha: float, min_agreement: float) -> tuple[Verdict, ...]:
    """Judge every measure; each has its equal part of alpha (Bonferroni).

    Abstaining and slowness are compared on questions that both versions were asked, because tenants keep to
    their arm: a difference between the tenants is then none between the versions. Feedback cannot be paired;
    findings of one tenant are alike, so of few tenants it should not be trusted alone.

    Args:
        counts: the counters since the trial began, of all replicas.
        alpha: probability, in (0, 1), of any wrong finding at any time.
        min_agreement: least share of agreement, in [0, 1].
    """
    each = alpha / len(Measure)
    return (
        _agreement(counts, each, min_agreement),
        _feedback(counts, each),
        _discordant(Measure.FALLBACK, counts, only_unsure(Arm.TREATMENT), only_unsure(Arm.CONTROL), each),
        _discordant(Measure.LATENCY, counts, only_slow(Arm.TREATMENT), only_slow(Arm.CONTROL), each),
    )


def _agreement(counts: Mapping[str, int], alpha: float, least: float) -> Verdict:
    agreed, sure = counts.get(AGREED, 0), counts.get(BOTH_SURE, 0)
    low, high = confidence_sequence(agreed, sure, alpha)
    finding = Finding.WORSE if high < least else Finding.ENOUGH if low > least else Finding.UNDECIDED
    return Verdict(Measure.AGREEMENT, finding, agreed / sure if sure else None, low, high, sure)


def _discordant(
    measure: Measure, counts: Mapping[str, int], tried: str, active: str, alpha: float
) -> Verdict:
    worse, total = counts.get(tried, 0), counts.get(tried, 0) + counts.get(active, 0)
    low, high = confidence_sequence(worse, total, alpha)
    finding = Finding.WORSE if low > 1 / 2 else Finding.BETTER if high < 1 / 2 else Finding.UNDECIDED
    return Verdict(measure, finding, worse / total if total else None, low, high, total)


def _feedback(counts: Mapping[str, int], alpha: float) -> Verdict:
    tried, active = ArmFigures.of(Arm.TREATMENT, counts), ArmFigures.of(Arm.CONTROL, counts)
    told, usual = tried.right + tried.wrong, active.right + active.wrong
    # Two sequences at half the error each hold together, so that their difference needs no other method.
    low_tried, high_tried = confidence_sequence(tried.right, told, alpha / 2)
    low_active, high_active = confidence_sequence(active.right, usual, alpha / 2)
    low, high = low_tried - high_active, high_tried - low_active
    finding = Finding.BETTER if low > 0 else Finding.WORSE if high < 0 else Finding.UNDECIDED
    estimate = tried.right / told - active.right / usual if told and usual else None
    return Verdict(Measure.FEEDBACK, finding, estimate, low, high, told + usual)
