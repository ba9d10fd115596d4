"""One token of the vocabulary for each label: the answers that the model may give."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment

from mapper_svc.domain.taxonomy import Label, Taxonomy
from pipelines.lib.training.atomic_file import write_atomically
from pipelines.lib.training.training_input_error import TrainingInputError

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


class LabelTokenError(TrainingInputError):
    """A table of label tokens does not belong to this edition or tokenizer, or none can be made."""


class Tokenizer(Protocol):
    """What is asked of a tokenizer."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Returns the ids of the tokens of a text."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """Returns the id of each token."""
        ...


class LabelToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a label: its id in the vocabulary, and the text it stands for."""

    id: int
    text: str


class LabelTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of label tokens.

    Attributes:
        edition: edition of the taxonomy.
        taxonomy_sha256: hash of what that edition says.
        vocabulary_sha256: hash of the tokenizer's vocabulary.
        tokens: token by label, in the order of the edition.
    """

    edition: str
    taxonomy_sha256: str
    vocabulary_sha256: str
    tokens: dict[str, LabelToken]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels; the order of every distribution that the model gives."""
        return tuple(self.tokens)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the tokens, in the order of the labels."""
        return tuple(token.id for token in self.tokens.values())

    @property
    def sha256(self) -> str:
        """Hash of the whole table."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def check(self, taxonomy: Taxonomy, tokenizer: Tokenizer) -> None:
        """Refuses an edition or tokenizer that the table was not made for.

        Raises:
            LabelTokenError: names what differs.
        """
        if (self.edition, self.taxonomy_sha256) != (taxonomy.edition, taxonomy.content_hash):
            raise LabelTokenError(
                f"the label tokens are of edition {self.edition} ({self.taxonomy_sha256[:12]}), "
                f"not of {taxonomy.edition} ({taxonomy.content_hash[:12]})"
            )
        if self.labels != tuple(taxonomy.labels):
            raise LabelTokenError("the label tokens have other labels, or another order, than the edition")
        if len(set(self.ids)) != len(self.ids):
            raise LabelTokenError("two labels share a token")
        found = vocabulary_sha256(tokenizer)
        if self.vocabulary_sha256 != found:
            raise LabelTokenError(
                f"the label tokens are of the vocabulary {self.vocabulary_sha256[:12]}, not of {found[:12]}"
            )


def vocabulary_sha256(tokenizer: Tokenizer) -> str:
    """Returns SHA-256 (hex) over the vocabulary as JSON, tokens in the order of their ids."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: (item[1], item[0]))
    return hashlib.sha256(json.dumps(vocabulary, ensure_ascii=False).encode()).hexdigest()


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


def save_label_tokens(tokens: LabelTokens, path: Path) -> None:
    """Writes a table as JSON, whole or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(tokens), indent=1) + b"\n")


def load_label_tokens(path: Path, taxonomy: Taxonomy, tokenizer: Tokenizer) -> LabelTokens:
    """Reads a table, and refuses one that was made for another edition or tokenizer.

    Raises:
        LabelTokenError: the file is missing or broken, or the table does not belong.
    """
    try:
        tokens = msgspec.json.decode(path.read_bytes(), type=LabelTokens)
    except (OSError, msgspec.DecodeError) as error:
        raise LabelTokenError(f"{path.name} is no table of label tokens: {error}") from error
    tokens.check(taxonomy, tokenizer)
    return tokens


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
