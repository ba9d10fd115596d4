"""Every vendor family left out in turn: what each fold found, and all of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.calibration_scores import BINS
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.figure import Figure, resampled, share_of
from pipelines.lib.training.measure import expected_calibration_error

FOLDS = "folds.json"
"""File name of the pooled figures, in a trained folder as well."""


@dataclass(frozen=True)
class FoldAnswers:
    """What tiers that were trained without a family say of it.

    Attributes:
        tiers: answers by tier.
        threshold: the threshold that the fold's own validation gave; None without one.
    """

    tiers: dict[str, Answers]
    threshold: float | None = None


class FoldResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One family, answered by tiers that were trained without it.

    Attributes:
        family: the family.
        made_by: hash of everything that decided the fold; a result of another hash is made anew.
        dataset_sha256: hash of the rows of the fold's data set.
        seconds: how long the fold took; its share where several families were left out together.
        right: which cases each tier answered right, by tier.
        confidence: how sure each tier was of its answers; tiers that do not say are left out.
        threshold: confidence from which on the fold's combined answer would be relied on.
    """

    family: str
    made_by: str
    dataset_sha256: str
    seconds: float
    right: dict[str, tuple[bool, ...]]
    confidence: dict[str, tuple[float, ...]]
    threshold: float | None = None

    @property
    def cases(self) -> int:
        """How many cases the family has."""
        return max((len(one) for one in self.right.values()), default=0)


class PooledTier(msgspec.Struct, frozen=True):
    """One tier over all folds.

    Attributes:
        tier: the tier.
        accuracy: share of all cases that are answered right, with its Wilson interval.
        by_family: mean over the families of their accuracy; the interval is from resampling families, so it
            says what to expect of another family.
        pooled_by_family: the share of all cases again, with an interval from resampling whole families:
            labels of one family are not independent of each other.
        ece: expected calibration error, bins of equal mass; None for a tier that does not say how sure it is.
    """

    tier: str
    accuracy: Figure
    by_family: Figure
    pooled_by_family: Figure
    ece: float | None


class FamilyScore(msgspec.Struct, frozen=True):
    """One family.

    Attributes:
        family: the family.
        accuracy: share of its cases that are answered right, by tier.
    """

    family: str
    accuracy: dict[str, Figure]


class FoldsReport(msgspec.Struct, frozen=True):
    """All folds.

    Attributes:
        recipe: name of the recipe.
        tiers_trained: `all` or `head`.
        edition: edition of the taxonomy.
        made_by: hash over the folds' own hashes.
        at_once: how many families were left out together.
        folds: how many families were left out.
        cases: how many cases they have.
        seconds: how long the folds took together.
        pooled: each tier over all folds.
        families: each family.
        precision_above_threshold: share of the combined answers above the threshold of their own fold that
            are right; None when nothing is above one.
        coverage_above_threshold: share of the cases that are answered above the threshold of their fold.
    """

    recipe: str
    tiers_trained: str
    edition: str
    made_by: str
    folds: int
    cases: int
    seconds: float
    pooled: tuple[PooledTier, ...]
    families: tuple[FamilyScore, ...]
    precision_above_threshold: Figure | None = None
    coverage_above_threshold: Figure | None = None
    at_once: int = 1


def fold_scores(
    cases: Sequence[Case], tiers: Mapping[str, Answers], labels: Sequence[str]
) -> tuple[dict[str, tuple[bool, ...]], dict[str, tuple[float, ...]]]:
    """Returns which cases each tier answers right, and how sure it is."""
    gold = Gold.of(cases, labels)
    right = {tier: tuple(bool(one) for one in answers.right(gold)) for tier, answers in tiers.items()}
    confidence = {
        tier: tuple(float(one) for one in answers.confidence)
        for tier, answers in tiers.items()
        if answers.confidence is not None
    }
    return right, confidence


def pool(
    recipe: str,
    tiers_trained: str,
    edition: str,
    made_by: str,
    results: Sequence[FoldResult],
    at_once: int = 1,
) -> FoldsReport:
    """Puts folds together.

    Args:
        recipe: name of the recipe.
        tiers_trained: `all` or `head`.
        edition: edition of the taxonomy.
        made_by: hash over the folds.
        results: the folds, at least one with cases.
        at_once: how many families were left out together.
    """
    told = [one for one in results if one.cases]
    tiers = list(told[0].right)
    above = _above(told)
    return FoldsReport(
        recipe=recipe,
        tiers_trained=tiers_trained,
        edition=edition,
        made_by=made_by,
        at_once=at_once,
        folds=len(told),
        cases=sum(one.cases for one in told),
        seconds=sum(one.seconds for one in told),
        pooled=tuple(_pooled(tier, told) for tier in tiers),
        families=tuple(_family(one) for one in told),
        precision_above_threshold=None if above is None else share_of(above[1][above[0]]),
        coverage_above_threshold=None if above is None else share_of(above[0]),
    )


def _pooled(tier: str, results: Sequence[FoldResult]) -> PooledTier:
    right = [np.array(one.right[tier], dtype=np.bool_) for one in results]
    hits, sizes = np.array([one.sum() for one in right]), np.array([len(one) for one in right])
    everything = np.concatenate(right)
    accuracy = share_of(everything)
    if accuracy is None:
        raise ValueError("no fold has a case")
    ece = None
    if all(tier in one.confidence for one in results):
        confidence = np.concatenate([np.array(one.confidence[tier]) for one in results])
        ece = expected_calibration_error(confidence, everything, BINS)
    means = hits / sizes
    return PooledTier(
        tier=tier,
        accuracy=accuracy,
        by_family=resampled(
            len(everything), lambda weights: weights @ means / weights.sum(axis=1), drawn=len(means)
        ),
        pooled_by_family=resampled(
            len(everything), lambda weights: (weights @ hits) / (weights @ sizes), drawn=len(means)
        ),
        ece=ece,
    )


def _family(result: FoldResult) -> FamilyScore:
    shares = {tier: share_of(np.array(right, dtype=np.bool_)) for tier, right in result.right.items()}
    return FamilyScore(result.family, {tier: share for tier, share in shares.items() if share is not None})


def _above(results: Sequence[FoldResult]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    if not all("combined" in one.confidence for one in results):
        return None
    above, right = [], []
    for one in results:
        confidence = np.array(one.confidence["combined"])
        sure = confidence >= one.threshold if one.threshold is not None else np.zeros(len(confidence), bool)
        above.append(sure)
        right.append(np.array(one.right["combined"], dtype=np.bool_))
    return np.concatenate(above), np.concatenate(right)
