from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from pipelines.lib.scoring.character_ngrams import BUCKETS
from pipelines.lib.scoring.embedding_head import EmbeddingHead
from pipelines.lib.training.training_rows import TrainingRow

_EMBEDDING_SCALE = 4.0
_NGRAM_SCALE = 4.0
"""Mean lengths of both kinds of features; they let the same learning rate move both."""
_SHORTEST = 1e-6
"""A part whose rows are all alike tells nothing, and is not blown up."""
_EPOCHS = 4
_ROWS = 128
_LEARNING_RATE = 0.02
_WEIGHT_DECAY = 1e-4
_ALONE = 0.5
"""Weight of the losses of each kind of features by itself."""


def train_embedding_head(
    rows: Sequence[TrainingRow],
    embeddings: NDArray[np.float32],
    pieces: csr_matrix,
    labels: Sequence[str],
    *,
    sizes: Sequence[int],
    embedder_sha256: str,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> EmbeddingHead:
    """Trains the regression with AdamW; the vendor's name is not among the features.

    Args:
        rows: rows to learn from.
        embeddings: `embed_raw` of them.
        pieces: `ngram_features` of them.
        labels: the labels, in the order of the columns.
        sizes: numbers that each of the embedder's models gives; their sum is the width of the embeddings.
        embedder_sha256: hash of the embedder's weights.
        seed: of the order of the rows.
        say: is told the loss of each epoch.
    """
    places = {label: at for at, label in enumerate(labels)}
    targets = torch.tensor([places[row.label] for row in rows])
    centre, scale = _centre_and_scale(embeddings, sizes)
    dense = torch.from_numpy((embeddings - centre) * scale)
    weights = {
        "embedding": nn.Parameter(torch.zeros(embeddings.shape[1], len(labels))),
        "ngrams": nn.Parameter(torch.zeros(BUCKETS, len(labels))),
        "bias": nn.Parameter(torch.zeros(len(labels))),
    }
    # Fused: the table of pieces has millions of weights, and each step goes over all of them.
    adamw = torch.optim.AdamW(
        list(weights.values()), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY, fused=True
    )
    order = torch.Generator().manual_seed(seed)
    steps = _EPOCHS * -(-len(rows) // _ROWS)
    step = 0
    for epoch in range(_EPOCHS):
        total = 0.0
        for taken in torch.randperm(len(rows), generator=order).split(_ROWS):
            for group in adamw.param_groups:
                group["lr"] = _LEARNING_RATE * (1 - step / steps)
            meaning = dense[taken] @ weights["embedding"] + weights["bias"]
            spelling = _NGRAM_SCALE * _sum_of_pieces(pieces[taken.numpy()], weights["ngrams"])
            loss = nn.functional.cross_entropy(meaning + spelling, targets[taken])
            # Each kind also learns to answer alone: else the pieces of words, which know every row by heart,
            # leave the embedding nothing to learn, and it is the embedding that knows other words.
            alone = [nn.functional.cross_entropy(part, targets[taken]) for part in (meaning, spelling)]
            loss = loss + _ALONE * sum(alone)
            adamw.zero_grad()
            loss.backward()
            adamw.step()
            total += float(loss.detach()) * len(taken)
            step += 1
        say(f"embedding head, epoch {epoch + 1} of {_EPOCHS}: loss {total / len(rows):.3f}")
    found = {name: weight.detach().numpy() for name, weight in weights.items()}
    # Centre and scale go into the weights, so that whoever answers need not know of them.
    weight = found["embedding"] * scale[:, None]
    return EmbeddingHead(
        labels=tuple(labels),
        embedder_sha256=embedder_sha256,
        embedding=weight,
        ngrams=(found["ngrams"] * np.float32(_NGRAM_SCALE)).astype(np.float16),
        bias=found["bias"] - centre @ weight,
    )


def _centre_and_scale(
    embeddings: NDArray[np.float32], sizes: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns what to take from each number of an embedding, and what to multiply the rest by.

    The embeddings of e5 all point nearly the same way, so that what tells them apart is small beside what
    they share: each model's part is centred, and its rows get the length `_EMBEDDING_SCALE` on average.
    """
    centre: NDArray[np.float32] = embeddings.mean(axis=0)
    scale = np.ones_like(centre)
    start = 0
    for size in sizes:
        part = slice(start, start + size)
        length = np.linalg.norm(embeddings[:, part] - centre[part], axis=1).mean()
        scale[part] = _EMBEDDING_SCALE / max(float(length), _SHORTEST)
        start += size
    return centre, scale


def _sum_of_pieces(pieces: csr_matrix, weights: Tensor) -> Tensor:
    return nn.functional.embedding_bag(
        torch.from_numpy(pieces.indices.astype(np.int64)),
        weights,
        torch.from_numpy(pieces.indptr[:-1].astype(np.int64)),
        mode="sum",
        per_sample_weights=torch.from_numpy(pieces.data),
    )
