from functools import lru_cache

from mapper_svc.domain import normalised_label
from mapper_svc.domain.label_key import label_key

_KEPT_TEXTS = 1 << 16


@lru_cache(maxsize=_KEPT_TEXTS)
def normalise(raw: str) -> str:
    """Returns a raw label as words, as the mapper does; kept by text, as a build asks for each many times."""
    return normalised_label.normalise(raw)


@lru_cache(maxsize=_KEPT_TEXTS)
def duplicate_key(raw: str) -> str:
    """Returns the form under which two rows are the same text: normalised, and without separators.

    `E-Mail`, `email` and `e_mail` are one; a separator between digits counts.
    """
    normalised = normalise(raw)
    return label_key(normalised) or normalised
