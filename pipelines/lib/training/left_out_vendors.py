"""What the embedding head says of the training's own vendors when it has not seen them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from pipelines.lib.training.train_embedding_head import train_embedding_head
from pipelines.lib.training.training_rows import TrainingRow

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class HeadAnswers:
    """Rows, and what a head that did not learn from them says.

    Attributes:
        rows: the rows.
        logits: of the head, rows by labels.
    """

    rows: tuple[TrainingRow, ...]
    logits: NDArray[np.float32]


def left_out_vendors(
    training: Sequence[TrainingRow],
    embeddings: NDArray[np.float32],
    pieces: csr_matrix,
    labels: Sequence[str],
    *,
    sizes: Sequence[int],
    embedder_sha256: str,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> HeadAnswers:
    """Leaves the vendor families out in turn, several at a time, and asks about what was left out.

    Validation holds few vendors, and what people write by hand is easier than what vendors call things:
    confidence that is right for the one is too high for the other. These rows are many and of many hands.

    Args:
        training: rows to learn from; those of vendors are left out by their group.
        embeddings: `embed_raw` of them.
        pieces: `ngram_features` of them.
        labels: the labels, in the order of the columns.
        sizes: numbers that each of the embedder's models gives.
        embedder_sha256: hash of the embedder's weights.
        seed: of the order of the rows.
        say: is told each fold.
    """
    asked = [at for at, row in enumerate(training) if row.vendor is not None]
    found = np.zeros((len(asked), len(labels)), dtype=np.float32)
    place = {at: number for number, at in enumerate(asked)}
    folds = _folds(Counter(training[at].group for at in asked))
    for number, families in enumerate(folds, 1):
        out = [at for at in asked if training[at].group in families]
        kept = [at for at, row in enumerate(training) if row.vendor is None or row.group not in families]
        head = train_embedding_head(
            [training[at] for at in kept],
            embeddings[kept],
            pieces[kept],
            labels,
            sizes=sizes,
            embedder_sha256=embedder_sha256,
            seed=seed,
        )
        found[[place[at] for at in out]] = head.logits([training[at].raw for at in out], embeddings[out])
        say(f"left out {', '.join(sorted(families))} ({number} of {len(folds)}): {len(out)} labels asked")
    return HeadAnswers(tuple(training[at] for at in asked), found)


def _folds(sizes: Counter[str]) -> list[set[str]]:
    """Returns the families in folds of about equally many rows."""
    folds: list[set[str]] = [set() for _ in range(min(_FOLDS, len(sizes)))]
    for family in sorted(sizes, key=lambda one: (-sizes[one], one)):
        min(folds, key=lambda fold: sum(sizes[one] for one in fold)).add(family)
    return folds
