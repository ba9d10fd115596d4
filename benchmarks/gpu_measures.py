"""One-token scoring and LoRA steps, timed on whatever device computes them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.load import percentile
from pipelines.lib.scoring.one_token_model import OneTokenModel
from pipelines.lib.training.exact_adamw import ExactAdamW
from pipelines.lib.training.recipe import Recipe

WARM_UP = 3


@dataclass(frozen=True, slots=True)
class ScoringFigures:
    """Scoring of batches of one size; times in milliseconds."""

    how: str
    batch: int
    p50_ms: float
    p95_ms: float
    rows_per_second: float


@dataclass(frozen=True, slots=True)
class TrainingFigures:
    """Steps of the recipe."""

    batch_rows: int
    tokens: int
    steps_per_second: float
    rows_per_second: float
    loss: float


def plain(model: OneTokenModel, batch: int, tokens: int) -> Callable[[], Tensor]:
    """Return a call that scores one batch as the engine does."""
    ids, last = _batch(model, batch, tokens)

    def call() -> Tensor:
        return model(ids, last)

    return call


def captured(model: OneTokenModel, batch: int, tokens: int) -> Callable[[], Tensor]:
    """Return a call that replays one batch of a fixed shape as a CUDA graph: no kernel is launched by Python.

    Raises:
        RuntimeError: something in the model cannot be captured.
    """
    ids, last = _batch(model, batch, tokens)
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside), torch.inference_mode():
        for _ in range(WARM_UP):
            model(ids, last)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        logits = model(ids, last)

    def call() -> Tensor:
        graph.replay()
        return logits

    return call


def time_scoring(how: str, batch: int, call: Callable[[], Tensor], *, repeat: int) -> ScoringFigures:
    """Time a call; each time ends when the numbers are in the machine's own memory."""
    times = []
    with torch.inference_mode():
        for _ in range(WARM_UP):
            call().cpu()
        for _ in range(repeat):
            begun = time.perf_counter()
            call().cpu()
            times.append((time.perf_counter() - begun) * 1000)
    return ScoringFigures(
        how,
        batch,
        round(percentile(times, 0.5), 3),
        round(percentile(times, 0.95), 3),
        round(batch * repeat / (sum(times) / 1000), 1),
    )


def time_training(model: OneTokenModel, recipe: Recipe, tokens: int, *, steps: int) -> TrainingFigures:
    """Time whole steps: forward, back, clipping and the exact optimiser, as the training takes them."""
    rows = recipe.schedule.batch_rows
    ids, last = _batch(model, rows, tokens)
    targets = torch.arange(rows, device=ids.device) % len(model.label_ids)
    adapted = {name: one for name, one in model.named_parameters() if one.requires_grad}
    optimiser = ExactAdamW(
        adapted, learning_rate=recipe.schedule.learning_rate, weight_decay=recipe.schedule.weight_decay
    )
    model.train()
    loss, begun = 0.0, 0.0
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            begun = time.perf_counter()
        found = nn.functional.cross_entropy(model(ids, last), targets)
        found.backward()
        optimiser.step(recipe.schedule.learning_rate, recipe.schedule.clip_norm)
        loss = float(found.detach())  # waits for the device
    seconds = time.perf_counter() - begun
    return TrainingFigures(
        rows, tokens, round(steps / seconds, 3), round(steps * rows / seconds, 1), round(loss, 4)
    )


def _batch(model: OneTokenModel, batch: int, tokens: int) -> tuple[Tensor, Tensor]:
    device = model.label_ids.device
    vocabulary = model.inner.config.vocab_size
    draw = torch.Generator().manual_seed(batch)
    ids = torch.randint(0, vocabulary, (batch, tokens), generator=draw)
    return ids.to(device), torch.full((batch,), tokens - 1, device=device)
