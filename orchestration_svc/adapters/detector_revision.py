"""A short word for how a detector is asked, so that a change of it is seen."""

import json
from hashlib import sha256

_LENGTH = 16


def revision_of(*facts: object) -> str:
    """Return a word that is the same wherever the same facts hold; they are JSON values or written out."""
    written = json.dumps(facts, sort_keys=True, default=str)
    return sha256(written.encode()).hexdigest()[:_LENGTH]
