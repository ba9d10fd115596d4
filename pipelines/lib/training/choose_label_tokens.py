"""Which token of a vocabulary stands for which label."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from mapper_svc.domain.taxonomy import Label, Taxonomy
from pipelines.lib.scoring.label_tokens import (
    LabelToken,
    LabelTokenError,
    LabelTokens,
    Tokenizer,
    vocabulary_sha256,
)

_IMPOSSIBLE = 1e6
_LONGEST_PREFIX_CUT = 6
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "other",
        "than",
        "that",
        "the",
        "to",
        "with",
    ]
)


def choose_label_tokens(taxonomy: Taxonomy, tokenizer: Tokenizer) -> LabelTokens:
    """Gives each label a token of its own that means something like it.

    The candidates of a label, the best first: the words of the last part of its name (`credit`, `card` of
    `PII.Financial.CreditCard`), the words of what it means, the words of the parts above; first as they stand
    within a sentence (small, a space in front), then with a capital, then without the space, then beginnings
    of them. A candidate counts only when the tokenizer has it as one token. The assignment with the lowest
    sum of squared ranks is taken (Hungarian method), so the same edition and vocabulary always give the same
    table.

    Raises:
        LabelTokenError: the vocabulary is too poor to give every label a token of its own.
    """
    labels = list(taxonomy.labels.values())
    candidates = [_candidates(label, tokenizer) for label in labels]
    columns = {token: at for at, token in enumerate(sorted({t for ranked in candidates for t in ranked}))}
    if len(columns) < len(labels):
        raise LabelTokenError(f"the vocabulary has {len(columns)} tokens for {len(labels)} labels")
    cost = np.full((len(labels), len(columns)), _IMPOSSIBLE)
    for row, ranked in enumerate(candidates):
        for rank, token in enumerate(ranked):
            cost[row, columns[token]] = rank**2
    rows, chosen = linear_sum_assignment(cost)
    if cost[rows, chosen].max() >= _IMPOSSIBLE:
        raise LabelTokenError("the vocabulary cannot give every label a token of its own")
    ids = sorted(columns, key=columns.__getitem__)
    tokens = {
        label.name: LabelToken(ids[column], candidates[row][ids[column]])
        for row, (label, column) in enumerate(zip(labels, chosen, strict=True))
    }
    return LabelTokens(taxonomy.edition, taxonomy.content_hash, vocabulary_sha256(tokenizer), tokens)


def _candidates(label: Label, tokenizer: Tokenizer) -> Mapping[int, str]:
    """Returns the tokens that could stand for a label with their texts, the best first."""
    found: dict[int, str] = {}
    leaf, *above = _words_of_name(label.name)
    words = [*leaf, *_words_of_text(label.means), *(word for part in above for word in part)]
    for text in _forms(words):
        ids = tokenizer.encode(text, add_special_tokens=False)
        if len(ids) == 1:
            found.setdefault(ids[0], text)
    return found


def _words_of_name(name: str) -> list[list[str]]:
    """Returns the words of each part of a label's name, the last part first."""
    return [
        re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", part.replace("_", " "))
        for part in reversed(name.split("."))
    ]


def _words_of_text(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z]+", text) if word.lower() not in _STOP_WORDS]


def _forms(words: list[str]) -> Iterator[str]:
    distinct = list(dict.fromkeys(word.lower() for word in words))
    yield from (f" {word}" for word in distinct)
    yield from (f" {word.capitalize()}" for word in distinct)
    yield from distinct
    for cut in range(1, _LONGEST_PREFIX_CUT):
        yield from (f" {word[:-cut]}" for word in distinct if len(word) > cut + 1)
