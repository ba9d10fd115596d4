"""Logistic regression over sentence embeddings and pieces of words: the quick tier beside the model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix

from mapper_svc.domain.normalised_label import normalise
from pipelines.lib.scoring.character_ngrams import ngram_features
from pipelines.lib.scoring.embedder import Embedder
from pipelines.lib.scoring.model_input_error import ModelInputError


class EmbeddingHeadError(ModelInputError):
    """A saved head does not belong to these labels or this embedder."""


@dataclass(frozen=True)
class EmbeddingHead:
    """The weights of the regression.

    Attributes:
        labels: the labels, in the order of the columns.
        embedder_sha256: hash of the embedder's weights.
        embedding: weights of the embedding, its size by labels.
        ngrams: weights of the pieces of words, `BUCKETS` by labels, in float16.
        bias: one number for each label.
    """

    labels: tuple[str, ...]
    embedder_sha256: str
    embedding: NDArray[np.float32]
    ngrams: NDArray[np.float16]
    bias: NDArray[np.float32]

    def logits(self, raws: Sequence[str], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the logits of the labels for raw labels with the embeddings of their normalised forms."""
        pieces = ngram_features(raws)
        scores = np.stack([self._of_pieces(pieces, row) for row in range(len(raws))])
        found: NDArray[np.float32] = scores + embeddings @ self.embedding + self.bias
        return found

    def _of_pieces(self, pieces: csr_matrix, row: int) -> NDArray[np.float32]:
        # Row by row, so that the float16 table is never copied whole into float32.
        part = slice(pieces.indptr[row], pieces.indptr[row + 1])
        weights: NDArray[np.float32] = pieces.data[part] @ self.ngrams[pieces.indices[part]].astype(
            np.float32
        )
        return weights

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors."""
        metadata = {"labels": json.dumps(self.labels), "embedder_sha256": self.embedder_sha256}
        save_file(
            {"embedding": self.embedding, "ngrams": self.ngrams, "bias": self.bias}, path, metadata=metadata
        )


def load_embedding_head(path: Path, labels: Sequence[str], embedder_sha256: str) -> EmbeddingHead:
    """Reads a head.

    Raises:
        EmbeddingHeadError: it is missing, or was made for other labels or another embedder.
    """
    if not path.is_file():
        raise EmbeddingHeadError(f"{path} is missing")
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        tensors: dict[str, Any] = {name: file.get_tensor(name) for name in ("embedding", "ngrams", "bias")}
    if json.loads(metadata.get("labels", "[]")) != list(labels):
        raise EmbeddingHeadError("the embedding head has other labels than the table of label tokens")
    if metadata.get("embedder_sha256") != embedder_sha256:
        raise EmbeddingHeadError("the embedding head was trained with another embedder")
    return EmbeddingHead(tuple(labels), embedder_sha256, **tensors)


def text_to_embed(raw: str) -> str:
    """Returns what of a raw label is embedded: its normalised form, or itself where that is empty."""
    return normalise(raw) or raw


def embed_texts(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    """Returns the embeddings of texts; halves of characters, which no tokenizer takes, become `?`."""
    return embedder.embed([text.encode("utf-8", "replace").decode() for text in texts])


def embed_raw(raws: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    """Returns the embeddings of raw labels."""
    return embed_texts([text_to_embed(raw) for raw in raws], embedder)
