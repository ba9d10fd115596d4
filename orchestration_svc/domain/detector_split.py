"""Which of the versions that stand side by side answers a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arm(Generic[T]):
    """One version.

    Attributes:
        version: its name.
        weight: its share of the sum of all weights.
        carries: what answers when it is drawn.
    """

    version: str
    weight: int
    carries: T


def draw_arm(arms: Sequence[Arm[T]], draw: float) -> Arm[T] | None:
    """Return the arm in whose share of [0, 1) the draw falls; None when none has a weight.

    Shares lie in the order of the arms, so that moving weight from one arm to its neighbour changes the
    version for just the draws in between.
    """
    total = sum(arm.weight for arm in arms)
    place = draw * total
    for arm in arms:
        if place < arm.weight:
            return arm
        place -= arm.weight
    return next((arm for arm in reversed(arms) if arm.weight), None)


def share_of(arm: Arm[T], arms: Sequence[Arm[T]]) -> float:
    """Return the arm's share of the requests, in [0, 1]."""
    total = sum(one.weight for one in arms)
    return arm.weight / total if total else 0.0
