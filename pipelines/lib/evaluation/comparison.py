"""One version against another on the same cases."""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.figure import Figure, share_of


class PairedScore(msgspec.Struct, frozen=True):
    """Two versions on the same cases.

    Attributes:
        name: the pillar, or `all`.
        title: what it is called.
        candidate: accuracy of the version that is measured.
        current: accuracy of the version in use.
        gained: cases that only the candidate answers right.
        lost: cases that only the version in use answers right.
        p: two-sided p of the exact McNemar test; 1 when they never differ.
        worse: the candidate's accuracy is below the interval of the version in use.
    """

    name: str
    title: str
    candidate: Figure
    current: Figure
    gained: int
    lost: int
    p: float
    worse: bool


class Comparison(msgspec.Struct, frozen=True):
    """The version that is measured against the version in use.

    Attributes:
        version: what the version in use is.
        overall: over all cases.
        pillars: by pillar of the gold label.
    """

    version: str
    overall: PairedScore
    pillars: tuple[PairedScore, ...]


def exact_mcnemar(gained: int, lost: int) -> float:
    """Returns the two-sided p of the exact McNemar test for cases that only one of two answers right.

    Under the null hypothesis each of the discordant cases is won by either with probability one half.
    """
    total, fewer = gained + lost, min(gained, lost)
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    half: int = 1 << max(0, total - 1)
    return min(1.0, tail / half)


def compare(
    version: str,
    candidate: NDArray[np.bool_],
    current: NDArray[np.bool_],
    pillars: Sequence[str],
    titles: Mapping[str, str],
) -> Comparison:
    """Compares two versions.

    Args:
        version: what the version in use is.
        candidate: which cases the measured version answers right; at least one case.
        current: which of the same cases the version in use answers right.
        pillars: the pillar of each case.
        titles: what pillars are called; gives their order.
    """
    names = np.array(pillars)
    order = [pillar for pillar in titles if pillar in set(pillars)]
    everything = np.ones(len(names), dtype=np.bool_)
    return Comparison(
        version=version,
        overall=_paired("all", "all", candidate[everything], current[everything]),
        pillars=tuple(
            _paired(name, titles[name], candidate[names == name], current[names == name]) for name in order
        ),
    )


def _paired(name: str, title: str, candidate: NDArray[np.bool_], current: NDArray[np.bool_]) -> PairedScore:
    new, old = share_of(candidate), share_of(current)
    if new is None or old is None:
        raise ValueError(f"there is no case of {name} to compare on")
    gained, lost = int((candidate & ~current).sum()), int((current & ~candidate).sum())
    return PairedScore(
        name, title, new, old, gained, lost, exact_mcnemar(gained, lost), worse=new.value < old.low
    )
