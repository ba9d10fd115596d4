"""How good each tier is alone and together, on every set of cases."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.case import Case, CaseSet
from pipelines.lib.evaluation.figure import Figure, resampled, share_of
from pipelines.lib.evaluation.macro_f1 import macro_f1


class TierScore(msgspec.Struct, frozen=True):
    """One tier on one set of cases.

    Attributes:
        cases: the set.
        tier: the tier.
        accuracy: share of the cases that it answers right.
        macro_f1: mean of F1 over the labels.
        by_vendor: mean over the vendors of their accuracy, however many labels each has; the interval is
            from resampling vendors, so it says what to expect of another vendor.
        coverage: share of the cases that it answers at all.
        precision: share of its answers that are right; None when it answers nothing.
    """

    cases: CaseSet
    tier: str
    accuracy: Figure
    macro_f1: Figure
    by_vendor: Figure
    coverage: Figure
    precision: Figure | None


class GroupScore(msgspec.Struct, frozen=True):
    """The combined answer on the cases of one group.

    Attributes:
        name: the vendor, pillar or language.
        title: what it is called.
        accuracy: share of its cases that are answered right.
    """

    name: str
    title: str
    accuracy: Figure


def tier_scores(
    cases: Sequence[Case], tiers: Mapping[str, Answers], labels: Sequence[str]
) -> tuple[TierScore, ...]:
    """Returns the scores of every tier on every set that has cases, in the order of the sets."""
    scores: list[TierScore] = []
    for kind in CaseSet:
        taken = np.array([case.cases is kind for case in cases])
        if not taken.any():
            continue
        mine = [case for case in cases if case.cases is kind]
        gold = Gold.of(mine, labels)
        scores += [_score(kind, name, answers[taken], gold, mine) for name, answers in tiers.items()]
    return tuple(scores)


def _score(kind: CaseSet, tier: str, answers: Answers, gold: Gold, cases: Sequence[Case]) -> TierScore:
    right = answers.right(gold)
    accuracy, coverage, f1 = share_of(right), share_of(answers.given), macro_f1(answers, gold)
    if accuracy is None or coverage is None or f1 is None:
        raise ValueError(f"the set {kind} has no case")
    return TierScore(
        cases=kind,
        tier=tier,
        accuracy=accuracy,
        macro_f1=f1,
        by_vendor=_by_vendor(right, [case.vendor for case in cases]),
        coverage=coverage,
        precision=share_of(right[answers.given]),
    )


def _by_vendor(right: NDArray[np.bool_], vendors: Sequence[str]) -> Figure:
    _, at = np.unique(np.array(vendors), return_inverse=True)
    means = np.bincount(at, right) / np.bincount(at)
    return resampled(len(right), lambda weights: weights @ means / weights.sum(axis=1), drawn=len(means))


def group_scores(
    right: NDArray[np.bool_], groups: Sequence[str], titles: Mapping[str, str]
) -> tuple[GroupScore, ...]:
    """Returns the share of right answers in each group.

    Args:
        right: whether each case was answered right.
        groups: the group of each case.
        titles: what groups are called; gives their order. A group without a title has its name, at the end.
    """
    names = np.array(groups)
    present = set(groups)
    order = [*(name for name in titles if name in present), *sorted(present - titles.keys())]
    scores = ((name, share_of(right[names == name])) for name in order)
    return tuple(
        GroupScore(name, titles.get(name, name), share) for name, share in scores if share is not None
    )
