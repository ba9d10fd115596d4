"""Logistic regression over MiniLM's embedding and pieces of words: the quick tier beside the model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from mapper_svc.domain.normalised_label import normalise
from pipelines.lib.training.character_ngrams import BUCKETS, ngram_features
from pipelines.lib.training.embedder import Embedder
from pipelines.lib.training.training_input_error import TrainingInputError
from pipelines.lib.training.training_rows import TrainingRow

_EMBEDDING_SCALE = 4.0
_NGRAM_SCALE = 4.0
"""Both kinds of features have length one; the scales let the same learning rate move both."""
_EPOCHS = 4
_ROWS = 128
_LEARNING_RATE = 0.02
_WEIGHT_DECAY = 1e-4


class EmbeddingHeadError(TrainingInputError):
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


def embed_rows(rows: Sequence[TrainingRow], embedder: Embedder) -> NDArray[np.float32]:
    """Returns the embeddings of the normalised forms of rows."""
    return embedder.embed([normalise(row.raw) for row in rows])


def train_embedding_head(
    rows: Sequence[TrainingRow],
    embeddings: NDArray[np.float32],
    labels: Sequence[str],
    *,
    embedder_sha256: str,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> EmbeddingHead:
    """Trains the regression with AdamW; the vendor's name is not among the features.

    Args:
        rows: rows to learn from.
        embeddings: `embed_rows` of them.
        labels: the labels, in the order of the columns.
        embedder_sha256: hash of the embedder's weights.
        seed: of the order of the rows.
        say: is told the loss of each epoch.
    """
    places = {label: at for at, label in enumerate(labels)}
    targets = torch.tensor([places[row.label] for row in rows])
    pieces = ngram_features([row.raw for row in rows])
    dense = torch.from_numpy(embeddings) * _EMBEDDING_SCALE
    weights = {
        "embedding": nn.Parameter(torch.zeros(embeddings.shape[1], len(labels))),
        "ngrams": nn.Parameter(torch.zeros(BUCKETS, len(labels))),
        "bias": nn.Parameter(torch.zeros(len(labels))),
    }
    adamw = torch.optim.AdamW(list(weights.values()), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    order = torch.Generator().manual_seed(seed)
    steps = _EPOCHS * -(-len(rows) // _ROWS)
    step = 0
    for epoch in range(_EPOCHS):
        total = 0.0
        for taken in torch.randperm(len(rows), generator=order).split(_ROWS):
            for group in adamw.param_groups:
                group["lr"] = _LEARNING_RATE * (1 - step / steps)
            logits = dense[taken] @ weights["embedding"] + weights["bias"]
            logits = logits + _NGRAM_SCALE * _sum_of_pieces(pieces[taken.numpy()], weights["ngrams"])
            loss = nn.functional.cross_entropy(logits, targets[taken])
            adamw.zero_grad()
            loss.backward()
            adamw.step()
            total += float(loss.detach()) * len(taken)
            step += 1
        say(f"embedding head, epoch {epoch + 1} of {_EPOCHS}: loss {total / len(rows):.3f}")
    found = {name: weight.detach().numpy() for name, weight in weights.items()}
    return EmbeddingHead(
        labels=tuple(labels),
        embedder_sha256=embedder_sha256,
        embedding=found["embedding"] * np.float32(_EMBEDDING_SCALE),
        ngrams=(found["ngrams"] * np.float32(_NGRAM_SCALE)).astype(np.float16),
        bias=found["bias"],
    )


def _sum_of_pieces(pieces: csr_matrix, weights: Tensor) -> Tensor:
    return nn.functional.embedding_bag(
        torch.from_numpy(pieces.indices.astype(np.int64)),
        weights,
        torch.from_numpy(pieces.indptr[:-1].astype(np.int64)),
        mode="sum",
        per_sample_weights=torch.from_numpy(pieces.data),
    )
