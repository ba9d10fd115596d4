import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.figure import Figure, share_of


class VariantScore(msgspec.Struct, frozen=True):
    """Cases whose spelling one way of spelling changes.

    Attributes:
        variant: the way.
        plain: accuracy on their own spelling.
        changed: accuracy on the changed one.
        kept: share of the cases answered right in their own spelling that still are.
    """

    variant: str
    plain: Figure
    changed: Figure
    kept: Figure | None


def variant_score(
    variant: str, plain: Answers, changed: Answers, differs: NDArray[np.bool_], gold: Gold
) -> VariantScore | None:
    """Compares the answers to two spellings; None when the way of spelling changes no case.

    Args:
        variant: name of the way.
        plain: answers to the labels as they are.
        changed: answers to the changed ones.
        differs: whether a label is changed at all.
        gold: what is right.
    """
    before, after = plain.right(gold)[differs], changed.right(gold)[differs]
    plainly, changedly = share_of(before), share_of(after)
    if plainly is None or changedly is None:
        return None
    return VariantScore(variant, plainly, changedly, share_of(after[before]))
