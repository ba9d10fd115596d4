from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.normalised_label import normalise

__all__ = ["duplicate_key", "normalise"]


def duplicate_key(raw: str) -> str:
    """Returns the form under which two rows are the same text: normalised, and without separators.

    `E-Mail`, `email` and `e_mail` are one; a separator between digits counts.
    """
    normalised = normalise(raw)
    return label_key(normalised) or normalised
