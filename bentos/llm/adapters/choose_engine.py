from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import msgspec
import torch

from bentos.llm.adapters.merged_weights import merged_weights
from bentos.llm.adapters.open_release import Release
from bentos.llm.adapters.tgi_engine import TgiEngine, tgi_client
from bentos.llm.adapters.transformers_engine import TransformersEngine
from bentos.llm.adapters.vllm_engine import VllmEngine, VllmOptions
from bentos.llm.domain.engine import Engine
from bentos.llm.settings import EngineKind, Settings
from pipelines.lib.scoring.merge_adapter import ADAPTER_CONFIG


class _Rank(msgspec.Struct, frozen=True):
    r: int


def make_engine(
    kind: EngineKind, release: Release, settings: Settings, say: Callable[[str], None]
) -> tuple[Engine, Executor]:
    """Loads what can be loaded outside the event loop.

    Args:
        kind: which engine.
        release: the release.
        settings: how it is to run.
        say: is told each step.

    Returns:
        The engine, and the threads in which the rest of scoring computes.

    Raises:
        ModelInputError: weights or libraries are missing, or do not fit.
    """
    parts = release.parts
    if kind == "tgi":
        client = tgi_client(settings.tgi_url, settings.tgi_token)
        tgi = TgiEngine(
            client,
            tokenizer=parts.tokenizer,
            label_ids=parts.tokens.ids,
            top_tokens=settings.tgi_top_tokens,
            adapter=settings.tgi_adapter,
        )
        return tgi, _own_threads()
    if kind == "vllm":
        options = vllm_options(release, settings, say, on_gpu=torch.cuda.is_available())
        rank = msgspec.json.decode((release.adapter / ADAPTER_CONFIG).read_bytes(), type=_Rank).r
        vllm = VllmEngine(options, tokenizer=parts.tokenizer, label_ids=parts.tokens.ids, rank=rank)
        return vllm, _own_threads()
    engine = TransformersEngine(
        release.base,
        release.adapter,
        tokenizer=parts.tokenizer,
        label_ids=parts.tokens.ids,
        dtype=parts.origin.dtype,
        compute=settings.dtype or parts.origin.dtype,
        threads=settings.threads,
    )
    return engine, engine.threads


def vllm_options(
    release: Release, settings: Settings, say: Callable[[str], None], *, on_gpu: bool
) -> VllmOptions:
    """Returns how vLLM is to run a release: with the adapter beside the weights on a GPU, merged on a CPU.

    A live adapter costs a CPU more than three times as much for each forward pass.
    """
    live = settings.vllm_adapter == "live" or (settings.vllm_adapter == "auto" and on_gpu)
    model: Path = release.base if live else merged_weights(release, Path(settings.data_root), say)
    return VllmOptions(
        model=model,
        adapter=release.adapter if live else None,
        dtype=settings.dtype or release.parts.origin.dtype,
        on_gpu=on_gpu,
        cache_gib=settings.vllm_cache_gib,
        gpu_memory=settings.vllm_gpu_memory,
        tensor_parallel=settings.vllm_tensor_parallel,
        context=settings.vllm_context,
    )


def _own_threads() -> Executor:
    return ThreadPoolExecutor(1, "score")
