from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz import fuzz, process

from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN, Taxonomy
from mapper_svc.domain.vendor import Vendor

GUESSES_MAX = 5
_LEAST_SIMILARITY = 60.0
_NEVER_GUESSED = frozenset({SAFE, UNKNOWN, MODEL_ERROR})
_SPACED = str.maketrans("_-/.=:[]()", "          ")


class SimilarLabels:
    """Names the canonical labels an unknown raw label may mean, by likeness to every label already mapped.

    It compares words, whatever their order, with the raw labels of all vendors and with the taxonomy's own
    leaves and aliases, on rapidfuzz's scale of 0 to 100. A guess is a hint for a reviewer and is never used
    as an answer.
    """

    def __init__(self, taxonomy: Taxonomy, vendors: Iterable[Vendor]) -> None:
        known: dict[str, str] = {}
        for vendor in vendors:
            for rule in vendor.labels.values():
                if len(label_key(rule.raw)) > 3:  # noqa: PLR2004 - codes such as S10 are like every other code
                    known.setdefault(_words(rule.raw), rule.to)
        for alias, target in taxonomy.aliases.items():
            known[_words(alias)] = target
        for name in taxonomy.labels:
            known[_words(name)] = name
            known.setdefault(_words(name.rpartition(".")[2]), name)
        self._known = {words: to for words, to in known.items() if to not in _NEVER_GUESSED}
        self.guess = lru_cache(maxsize=4096)(self._guess)

    def _guess(self, raw: str) -> tuple[str, ...]:
        """Returns at most five canonical labels, the likeliest first; empty when nothing is alike."""
        words = _words(raw)
        if not words:
            return ()
        hits = process.extract(
            words, self._known.keys(), scorer=fuzz.ratio, limit=20, score_cutoff=_LEAST_SIMILARITY
        )
        return tuple(dict.fromkeys(self._known[match] for match, _, _ in hits))[:GUESSES_MAX]


def _words(label: str) -> str:
    # Sorted once here, which is several times faster than letting rapidfuzz sort them in every comparison.
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char
        for before, char in zip(" " + label, label, strict=False)
    )
    return " ".join(sorted(spaced.translate(_SPACED).casefold().split()))
