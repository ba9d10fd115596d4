from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bentos.llm.adapters.vllm_engine import VllmOptions, engine_arguments, label_row
from bentos.llm.domain.engine import EngineUnavailableError

ON_CPU = VllmOptions(
    model=Path("/merged"),
    adapter=None,
    dtype="bfloat16",
    on_gpu=False,
    cache_gib=1,
    gpu_memory=0.85,
    tensor_parallel=1,
    context=4096,
)


def test_on_a_cpu_nothing_is_compiled_and_the_adapter_is_merged() -> None:
    arguments = engine_arguments(ON_CPU, rank=16)
    assert arguments["enforce_eager"] is True
    assert arguments["block_size"] == 32
    assert arguments["max_logprobs"] == 128
    assert arguments["enable_prefix_caching"] is True
    assert arguments["hf_overrides"] == {"head_dtype": "float32"}
    assert "enable_lora" not in arguments


def test_on_a_gpu_graphs_are_recorded_for_fixed_sizes_and_the_adapter_is_live() -> None:
    options = replace(ON_CPU, on_gpu=True, adapter=Path("/adapter"), tensor_parallel=2)
    arguments = engine_arguments(options, rank=16)
    assert "enforce_eager" not in arguments
    assert arguments["compilation_config"]["cudagraph_capture_sizes"] == [1, 2, 4, 8, 16, 32]
    assert (arguments["enable_lora"], arguments["max_lora_rank"]) == (True, 16)
    assert (arguments["tensor_parallel_size"], arguments["gpu_memory_utilization"]) == (2, 0.85)


def test_the_row_of_labels_has_their_order_and_misses_none() -> None:
    logprobs = {7: SimpleNamespace(logprob=-1.5), 3: SimpleNamespace(logprob=-0.5)}
    assert label_row(logprobs, [3, 7]) == [-0.5, -1.5]
    with pytest.raises(EngineUnavailableError, match="left out"):
        label_row(logprobs, [3, 7, 9])
