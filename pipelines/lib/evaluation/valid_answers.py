from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mapper_svc.domain.taxonomy import Taxonomy

_SUM_TOLERANCE = 1e-6


def valid_answers(
    distributions: NDArray[np.float64], labels: Sequence[str], taxonomy: Taxonomy
) -> NDArray[np.bool_]:
    """Returns which answers are what the mapper may build a finding of.

    That is one probability in [0, 1] for each label of the edition and no other, together 1, and a likeliest
    label that the edition has.
    """
    if set(labels) != set(taxonomy.labels) or len(labels) != len(taxonomy.labels):
        return np.zeros(len(distributions), dtype=np.bool_)
    if distributions.shape[1:] != (len(labels),):
        return np.zeros(len(distributions), dtype=np.bool_)
    inside = ((distributions >= 0) & (distributions <= 1)).all(axis=1)
    whole = np.abs(distributions.sum(axis=1) - 1) <= _SUM_TOLERANCE
    found: NDArray[np.bool_] = inside & whole
    return found
