"""What MLflow runs when it loads a version: this file is copied into the version, and nothing is pickled."""

import os
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import pandas as pd

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.embedder import load_embedder
from pipelines.lib.scoring.score import ORIGIN, Origin, Scorer, load_scorer


class AnsweringModel(mlflow.pyfunc.PythonModel):
    """Base model, adapter, label tokens, embedding head and calibration as one.

    The base model is not in the version: it comes from its wheel or from the data root (PIPELINES_DATA_ROOT),
    and has to have the hash that the version was trained with.
    """

    def __init__(self) -> None:
        self._scorer: Scorer | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of every distribution."""
        return self._loaded().labels

    def load_context(self, context: Any) -> None:  # noqa: ANN401 - MLflow has no types
        """Loads everything; raises what `load_scorer` raises when a part does not belong to the rest."""
        folder = Path(context.artifacts["release"])
        origin = msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
        base = resolve_base(origin.base, Path(os.environ.get("PIPELINES_DATA_ROOT", ".run/pipelines")))
        self._scorer = load_scorer(folder, base, load_taxonomy(origin.edition), load_embedder())

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ANN401 - the same
        """Returns for each raw label the likeliest canonical label, how sure it is, and the distribution."""
        del context, params
        scorer = self._loaded()
        vendors = model_input["vendor"] if "vendor" in model_input else [None] * len(model_input)
        asked = [
            (vendor if isinstance(vendor, str) and vendor else None, str(label))
            for vendor, label in zip(vendors, model_input["label"], strict=True)
        ]
        found = scorer.score(asked)
        confidence = found.max(axis=1)
        threshold = scorer.calibration.threshold
        return pd.DataFrame(
            {
                "label": [scorer.labels[place] for place in found.argmax(axis=1)],
                "confidence": confidence,
                "reliable": [threshold is not None and bool(one >= threshold) for one in confidence],
                "distribution": found.tolist(),
            }
        )

    def _loaded(self) -> Scorer:
        if self._scorer is None:
            raise RuntimeError("the model was not loaded")
        return self._scorer


mlflow.models.set_model(AnsweringModel())
