"""Coverage: how much of what had to look at the content did."""

from collections.abc import Collection
from dataclasses import dataclass

from orchestration_svc.domain.policy import CoverageMethod


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of one request.

    Attributes:
        method: how it was counted.
        required: detectors that had to succeed.
        missing: those of them that did not.
        achieved: share in [0, 1].
        threshold: the share below which the answer is partial.
    """

    method: CoverageMethod
    required: tuple[str, ...]
    missing: tuple[str, ...]
    achieved: float
    threshold: float

    @property
    def is_enough(self) -> bool:
        """Whether the policy's threshold was reached."""
        return self.achieved >= self.threshold


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
    return Coverage(CoverageMethod.REQUIRED_SET, names, missing, achieved, threshold)
