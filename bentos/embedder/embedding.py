"""From texts to embeddings, those of several callers together. Imports torch: only where it is needed."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.utils import logging as transformers_logging

from bentos.embedder.runtime import EmbedderVersion, Loaded
from bentos.embedder.settings import Settings
from bentos.web.batcher import Batcher
from pipelines.lib.scoring.minilm import load_minilm

_DIGITS = 16
_NAME = "all-MiniLM-L6-v2"
_log = logging.getLogger("bentoml.llama_mapper")


async def load(settings: Settings) -> Loaded:
    """Loads MiniLM in a thread of its own, in which it computes from then on.

    Raises:
        ModelInputError: the package with its weights is not installed.
    """
    transformers_logging.disable_progress_bar()
    began = time.monotonic()
    loop = asyncio.get_running_loop()

    def use_threads() -> None:
        if settings.threads:
            torch.set_num_threads(settings.threads)

    thread = ThreadPoolExecutor(1, "embed", use_threads)
    embedder = await loop.run_in_executor(thread, load_minilm)

    async def embed(texts: list[str]) -> Sequence[NDArray[np.float32]]:
        return list(await loop.run_in_executor(thread, embedder.embed, texts))

    batcher: Batcher[str, NDArray[np.float32]] = Batcher(
        embed, rows=settings.batch_rows, waiting=settings.waiting_rows
    )

    async def close() -> None:
        await batcher.close()
        thread.shutdown(wait=False, cancel_futures=True)

    version = EmbedderVersion(name=_NAME, version=embedder.sha256[:_DIGITS], size=embedder.size)
    _log.info("%s answers after %.1f s", version.name, time.monotonic() - began)
    return Loaded(version, batcher.submit, close)
