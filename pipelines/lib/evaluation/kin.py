"""Which labels are, but for their endings and the order of their words, among what was learnt."""

from collections.abc import Iterable, Sequence

import numpy as np
import snowballstemmer
from numpy.typing import NDArray

from pipelines.lib.normalise import normalise


def has_kin(asked: Sequence[str], learnt: Iterable[str]) -> NDArray[np.bool_]:
    """Returns for each label that is asked whether one that was learnt has the same stems, in any order.

    Labels with the same text are no row to learn from; `sadness` beside `sad` and `leaked key` beside
    `key leak` may be, as they may in life. A model is not asked much of there, and a figure without them
    says how much. Stems are those of English (Snowball); a word of another language mostly is its own stem.

    Args:
        asked: raw labels.
        learnt: raw labels that were trained on.
    """
    stemmer = snowballstemmer.stemmer("english")

    def stems(raw: str) -> tuple[str, ...]:
        return tuple(sorted(stemmer.stemWords(normalise(raw).split())))

    known = {stems(raw) for raw in learnt} - {()}
    return np.array([stems(raw) in known for raw in asked], dtype=np.bool_)
