"""The engine of a plain machine: the model computes in this process."""

import asyncio
import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bentos.llm.adapters.json_guide import JsonGuides
from bentos.llm.domain.engine import EngineUnavailableError, Generated, JsonSchema, RefusedPromptError
from pipelines.lib.scoring.label_tokens import TextTokenizer
from pipelines.lib.scoring.merge_adapter import adapted_weights, merge_adapter
from pipelines.lib.scoring.one_token_model import OneTokenModel, label_logits, load_base

_CHECK_SECONDS = 10.0


class TransformersEngine:
    """Scores with the adapter merged, and writes with the base as it is.

    Both models share every weight that the adapter leaves alone. Scoring and writing have a thread each;
    on a CPU writing has one core, so that it slows scoring down and never holds it up.
    """

    parallel = 1

    def __init__(
        self,
        base: Path,
        adapter: Path,
        *,
        tokenizer: TextTokenizer,
        label_ids: Sequence[int],
        dtype: str,
        compute: str,
        threads: int,
    ) -> None:
        """Loads the weights, which takes seconds.

        Args:
            base: folder of the base model.
            adapter: folder of the adapter.
            tokenizer: the base's tokenizer.
            label_ids: the label tokens.
            dtype: number format of the base, in which the adapter is merged.
            compute: number format to compute in.
            threads: threads that score; 0 leaves it to torch.

        Raises:
            BaseModelError: the adapter is missing or of another base.
        """
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        writing = load_base(base, dtype)
        scoring, place = _with_adapter(writing, adapter), (self._device, getattr(torch, compute))
        self._scoring = OneTokenModel(scoring.to(*place), label_ids).to(self._device).eval()
        self._writing = writing.to(*place).eval()
        self._tokenizer = tokenizer
        self._guides = JsonGuides(tokenizer, self._writing.config.vocab_size)
        self._ends = _ends(self._writing)
        self._context = int(self._writing.config.max_position_embeddings)
        self._score_thread = ThreadPoolExecutor(1, "score", lambda: _use_threads(threads))
        self._write_thread = ThreadPoolExecutor(1, "write", lambda: _use_threads(1))

    @property
    def threads(self) -> Executor:
        """The thread that scores; what else scoring needs is computed there, too."""
        return self._score_thread

    async def label_logits(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Returns the logits of the label tokens, rows by labels."""

        def compute() -> NDArray[np.float32]:
            found: NDArray[np.float32] = label_logits(self._scoring, prompts, device=self._device).numpy()
            return found

        return await asyncio.get_running_loop().run_in_executor(self._score_thread, compute)

    async def generate(self, prompt: str, *, schema: JsonSchema | None, max_tokens: int) -> Generated:
        """Returns the likeliest text; a caller that gives up ends it at the next token."""
        given_up = threading.Event()

        def write() -> Generated:
            return self._write(prompt, schema, max_tokens, given_up.is_set)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, write)
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def check(self) -> None:
        """Scores one token; raises EngineUnavailableError when that takes too long or gives no numbers."""
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                logits = await self.label_logits([[0]])
        except TimeoutError:
            raise EngineUnavailableError("the model does not answer in time") from None
        if not np.isfinite(logits).all():
            raise EngineUnavailableError("the model's answers are no numbers")

    async def close(self) -> None:
        """Ends the threads."""
        self._score_thread.shutdown(wait=False, cancel_futures=True)
        self._write_thread.shutdown(wait=False, cancel_futures=True)

    def _write(
        self, prompt: str, schema: JsonSchema | None, max_tokens: int, given_up: Callable[[], bool]
    ) -> Generated:
        read = self._tokenizer.encode(prompt, add_special_tokens=False)
        if len(read) + max_tokens > self._context:
            raise RefusedPromptError(
                f"prompt and answer have {len(read)} + {max_tokens} tokens, the model reads {self._context}"
            )
        guide = None if schema is None else self._guides.start(schema)
        written: list[int] = []
        ids, cache = torch.tensor([read], device=self._device), None
        with torch.inference_mode():
            while len(written) < max_tokens and not given_up():
                step = self._writing(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
                logits, cache = step.logits[0, -1], step.past_key_values
                token = int((logits if guide is None else guide.mask(logits)).argmax())
                written.append(token)
                if token in self._ends or (guide is not None and guide.ends_with(token)):
                    break
                ids = torch.tensor([[token]], device=self._device)
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return Generated(text, len(read), len(written))


def _with_adapter(base: nn.Module, adapter: Path) -> nn.Module:
    own = set(adapted_weights(adapter))
    shared = {id(weight): weight for name, weight in base.named_parameters() if name not in own}
    model = copy.deepcopy(base, shared)
    merge_adapter(model, adapter)
    return model


def _ends(model: nn.Module) -> frozenset[int]:
    found = model.generation_config.eos_token_id
    return frozenset([found] if isinstance(found, int) else found or [])


def _use_threads(threads: int) -> None:
    # Threads of torch's own are counted for each thread that computes.
    if threads:
        torch.set_num_threads(threads)
