"""One token of the vocabulary for each label: the answers that the model may give."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.scoring.model_input_error import ModelInputError


class LabelTokenError(ModelInputError):
    """A table of label tokens does not belong to this edition or tokenizer, or none can be made."""


class Tokenizer(Protocol):
    """What is asked of a tokenizer."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Returns the ids of the tokens of a text."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """Returns the id of each token."""
        ...


class TextTokenizer(Tokenizer, Protocol):
    """What is asked of a tokenizer where a model writes, too."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Returns the text of tokens."""
        ...

    def apply_chat_template(
        self, conversation: Sequence[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        """Returns a conversation as the text that the model was tuned on, special tokens included."""
        ...

    def save_pretrained(self, save_directory: Path) -> object:
        """Writes the tokenizer's files."""
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
