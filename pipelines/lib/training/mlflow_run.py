"""A training as a run of MLflow, in a SQLite store under the data root."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from pipelines.lib.mlflow_store import USER_TAG, open_experiment, person_at_work, tracking_uri
from pipelines.lib.training.checkpoint import TrainingState
from pipelines.lib.training.recipe import Recipe
from pipelines.lib.training.tier_report import TierFigures

_PACKAGES = ("torch", "transformers", "peft", "accelerate", "safetensors", "numpy", "scipy")


def record_run(
    data_root: Path,
    recipe: Recipe,
    origin: Mapping[str, str | Sequence[str]],
    state: TrainingState,
    figures: Sequence[TierFigures],
    artifacts: Path,
) -> str:
    """Writes a finished training as one run, and returns the run's id.

    Args:
        data_root: folder of the store and of the artifacts.
        recipe: the parameters.
        origin: hashes of what went in.
        state: the curve.
        figures: the table of the tiers.
        artifacts: folder whose files are kept with the run.
    """
    data_root.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(tracking_uri(data_root))
    experiment = open_experiment(client, data_root)
    run: str = client.create_run(experiment, run_name=f"{recipe.name} {state.run[:8]}").info.run_id
    status = "FAILED"
    try:
        client.log_batch(
            run,
            metrics=[*_curve(state), *_final(figures), _metric("seconds", state.seconds, state.step)],
            params=[Param(key, str(value)) for key, value in _flat(msgspec.to_builtins(recipe)).items()],
            tags=[
                RunTag(USER_TAG, person_at_work()),
                *(RunTag(key, _as_tag(value)) for key, value in {**origin, **environment()}.items()),
            ],
        )
        client.log_artifacts(run, str(artifacts))
        status = "FINISHED"
    finally:
        client.set_terminated(run, status)
    return run


def environment() -> dict[str, str]:
    """Returns what the training ran on: versions, processor threads, GPUs."""
    versions = {f"env.{name}": importlib.metadata.version(name) for name in _PACKAGES}
    gpus = [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
    return {
        **versions,
        "env.python": platform.python_version(),
        "env.machine": platform.machine(),
        "env.threads": str(torch.get_num_threads()),
        "env.gpus": ", ".join(gpus) or "none",
    }


def _as_tag(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _curve(state: TrainingState) -> list[Metric]:
    names = ("training_loss", "validation_loss", "validation_accuracy")
    return [_metric(name, getattr(point, name), point.step) for point in state.curve for name in names]


def _final(figures: Sequence[TierFigures]) -> list[Metric]:
    return [
        _metric(f"{one.rows}/{one.tier}/{name}".replace(" ", "_"), getattr(one, name), 0)
        for one in figures
        for name in ("accuracy", "low", "high", "ece")
    ]


def _metric(name: str, value: float, step: int) -> Metric:
    return Metric(name, value, 0, step)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, one in value.items():
        flat |= _flat(one, f"{prefix}{key}.") if isinstance(one, Mapping) else {f"{prefix}{key}": one}
    return flat
