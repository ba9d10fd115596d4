"""What a model of the shape of Llama-3-8B costs on a GPU: scoring, memory, and LoRA steps of its recipe.

    make .venv-train/.installed UV_TORCH_BACKEND=auto
    .venv-train/bin/python -m benchmarks.bench_gpu

The weights are random: what is computed means nothing, how long it takes does. The floor is the time to read
the weights once at the memory's speed, which is measured by copying.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict

import torch

from benchmarks.gpu_measures import (
    ScoringFigures,
    TrainingFigures,
    captured,
    plain,
    time_scoring,
    time_training,
)
from benchmarks.random_llama import LLAMA_3_8B, TINY, random_llama, weight_bytes
from pipelines.lib.scoring.one_token_model import OneTokenModel
from pipelines.lib.training.adapt import adapt
from pipelines.lib.training.recipe import load_recipe

_LABELS = 114
_BATCHES = (1, 8, 32)
_COPY_BYTES = 4 << 30
_COPIES = 20


def _bytes_per_second(device: torch.device) -> float:
    """Return how fast the memory reads: copying reads and writes each byte."""
    source = torch.empty(_COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(_COPIES):
        target.copy_(source)
    torch.cuda.synchronize()
    return 2 * _COPY_BYTES * _COPIES / (time.perf_counter() - begun)


def _score(model: OneTokenModel, tokens: int, repeat: int) -> list[ScoringFigures]:
    rows = []
    for batch in _BATCHES:
        rows.append(time_scoring("as the engine", batch, plain(model, batch, tokens), repeat=repeat))
        if not torch.cuda.is_available():
            continue
        try:
            call = captured(model, batch, tokens)
        except RuntimeError as error:
            print(f"batch {batch}: no CUDA graph: {str(error).splitlines()[0]}")
            continue
        rows.append(time_scoring("CUDA graph", batch, call, repeat=repeat))
    return rows


def _show(scoring: list[ScoringFigures], training: TrainingFigures) -> None:
    print(f"{'':<14}  batch      p50      p95  rows per s")
    for row in scoring:
        print(f"{row.how:<14}  {row.batch:>5}  {row.p50_ms:>7}  {row.p95_ms:>7}  {row.rows_per_second:>10}")
    print(
        f"LoRA: {training.steps_per_second} steps per s of {training.batch_rows} rows with {training.tokens} "
        f"tokens, {training.rows_per_second} rows per s"
    )


def main() -> None:
    """Print the tables, then the same as one line of JSON.

    Raises:
        SystemExit: there is no GPU, and no tiny run was asked for.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="a tiny shape, on a CPU: only that it runs")
    parser.add_argument("--tokens", type=int, default=16, help="of a prompt (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=200, help="of each batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="of the training (default: %(default)s)")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        sys.exit("there is no GPU that torch can use: nothing was measured (--tiny only shows that it runs)")
    device = torch.device("cpu" if options.tiny else "cuda")
    shape = TINY if options.tiny else LLAMA_3_8B
    machine = "a CPU, tiny" if options.tiny else torch.cuda.get_device_name(device)
    base = random_llama(shape, device)
    labels = list(range(_LABELS))
    title = f"{shape.name} of random bfloat16 weights, {options.tokens} tokens a prompt, {machine}"
    print(title)
    scoring = _score(OneTokenModel(base, labels).to(device).eval(), options.tokens, options.repeat)
    found: dict[str, object] = {"title": title, "torch": torch.__version__}
    if not options.tiny:
        speed, size = _bytes_per_second(device), weight_bytes(base)
        found |= {
            "floor_ms": round(size / speed * 1000, 2),
            "memory_bytes_per_second": round(speed),
            "scoring_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2),
        }
        print(f"floor: {size / 1e9:.1f} GB at {speed / 1e12:.2f} TB/s are {found['floor_ms']} ms")
        print(f"memory while scoring: {found['scoring_memory_gb']} GB")
        torch.cuda.reset_peak_memory_stats()
    training = time_training(
        adapt(base, labels, load_recipe("llama-3-8b")).to(device),
        load_recipe("llama-3-8b"),
        options.tokens,
        steps=options.steps,
    )
    if not options.tiny:
        found["training_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        print(f"memory while training: {found['training_memory_gb']} GB")
    _show(scoring, training)
    print(json.dumps(found | {"scoring": [asdict(row) for row in scoring], "training": asdict(training)}))


if __name__ == "__main__":
    main()
