"""Coverage: how much of what had to look at the content did."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from orchestration_svc.domain.policy import CoverageMethod, Policy, is_within


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of one request.

    Attributes:
        method: how it was counted.
        required: what had to be there: detectors, or with TAXONOMY the categories.
        missing: those of them that were not.
        achieved: share in [0, 1].
        threshold: the share below which the answer is partial.
        unseen: required detectors that did not succeed; the same as `missing` unless TAXONOMY counts.
    """

    method: CoverageMethod
    required: tuple[str, ...]
    missing: tuple[str, ...]
    achieved: float
    threshold: float
    unseen: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether the policy's threshold was reached."""
        return self.achieved >= self.threshold


def coverage_of(policy: Policy, required: Collection[str], succeeded: Collection[str]) -> Coverage:
    """Count as the policy says.

    Args:
        policy: gives method, threshold, weights and categories.
        required: detectors that had to succeed.
        succeeded: those that did.
    """
    threshold = policy.coverage_threshold
    if policy.coverage_method is CoverageMethod.WEIGHTED:
        return weighted(required, succeeded, policy.weights, threshold=threshold)
    if policy.coverage_method is CoverageMethod.TAXONOMY:
        return taxonomy(policy.categories, policy.covers, required, succeeded, threshold=threshold)
    return required_set(required, succeeded, threshold=threshold)


def required_set(required: Collection[str], succeeded: Collection[str], *, threshold: float) -> Coverage:
    """REQUIRED_SET: required detectors that succeeded / required detectors.

    With nothing required there is nothing to miss only if something ran: nothing required and nothing
    succeeded is coverage 0, for an answer nobody stood behind must not look complete.
    """
    names = tuple(dict.fromkeys(required))
    missing = tuple(name for name in names if name not in succeeded)
    if not names:
        return Coverage(CoverageMethod.REQUIRED_SET, (), (), 1.0 if succeeded else 0.0, threshold)
    achieved = (len(names) - len(missing)) / len(names)
    return Coverage(CoverageMethod.REQUIRED_SET, names, missing, achieved, threshold, missing)


def weighted(
    required: Collection[str], succeeded: Collection[str], weights: Mapping[str, float], *, threshold: float
) -> Coverage:
    """WEIGHTED: weights of required detectors that succeeded / of all of them; 1 where none is given."""
    names = tuple(dict.fromkeys(required))
    missing = tuple(name for name in names if name not in succeeded)
    if not names:
        return Coverage(CoverageMethod.WEIGHTED, (), (), 1.0 if succeeded else 0.0, threshold)
    if not missing:  # exactly, whatever the sums of floats say
        return Coverage(CoverageMethod.WEIGHTED, names, (), 1.0, threshold)
    achieved = sum(weights.get(name, 1.0) for name in names if name in succeeded)
    total = sum(weights.get(name, 1.0) for name in names)
    return Coverage(CoverageMethod.WEIGHTED, names, missing, achieved / total, threshold, missing)


def taxonomy(
    categories: Sequence[str],
    covers: Mapping[str, Sequence[str]],
    required: Collection[str],
    succeeded: Collection[str],
    *,
    threshold: float,
) -> Coverage:
    """TAXONOMY: required categories that a detector which succeeded covers / required categories.

    A detector that covers `PII` covers `PII.Contact`, and not the other way round.
    """
    wanted = tuple(dict.fromkeys(categories))
    unseen = tuple(name for name in dict.fromkeys(required) if name not in succeeded)
    seen = {category for name in succeeded for category in covers.get(name, ())}
    missing = tuple(one for one in wanted if not any(is_within(one, category) for category in seen))
    if not wanted:
        return Coverage(CoverageMethod.TAXONOMY, (), (), 1.0 if succeeded else 0.0, threshold, unseen)
    achieved = (len(wanted) - len(missing)) / len(wanted)
    return Coverage(CoverageMethod.TAXONOMY, wanted, missing, achieved, threshold, unseen)
