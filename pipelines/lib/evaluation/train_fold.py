"""Trains the tiers without one family, and asks them about it."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipelines.lib.build_dataset import Dataset
from pipelines.lib.dataset_folder import write_dataset
from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.folds import FoldAnswers
from pipelines.lib.evaluation.trained_version import load_version
from pipelines.lib.example import Example, Split
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.character_ngrams import ngram_features
from pipelines.lib.scoring.embedder import Embedder
from pipelines.lib.scoring.embedding_head import embed_raw
from pipelines.lib.scoring.log_softmax import log_softmax
from pipelines.lib.scoring.score import ORIGIN
from pipelines.lib.training.calibrate import fit_temperature
from pipelines.lib.training.measure import accepted_places, confidence_loss
from pipelines.lib.training.recipe import Recipe
from pipelines.lib.training.run_training import run_training
from pipelines.lib.training.train_embedding_head import train_embedding_head
from pipelines.lib.training.training_rows import TrainingRow, rows_of


@dataclass
class HeadTrainer:
    """Trains the embedding head alone. Embeds a text once for all folds.

    Attributes:
        embedder: what turns texts into numbers.
        seed: of the order of the rows.
        embedded: the embeddings so far, by raw label.
    """

    embedder: Embedder
    seed: int
    embedded: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def answer(self, dataset: Dataset, cases: Sequence[Case], say: Callable[[str], None]) -> FoldAnswers:
        """Returns the answers of a head that was trained and calibrated on the fold's data set."""
        training, validation = (_rows(dataset, split) for split in (Split.TRAIN, Split.VALIDATION))
        head = train_embedding_head(
            training,
            self._embed([row.raw for row in training]),
            ngram_features([row.raw for row in training]),
            dataset.labels,
            sizes=self.embedder.sizes,
            embedder_sha256=self.embedder.sha256,
            seed=self.seed,
            say=say,
        )

        def logits(raws: Sequence[str]) -> NDArray[np.float32]:
            return head.logits(raws, self._embed(raws))

        foreign = [row for row in validation if row.foreign]
        right = accepted_places([row.accepted for row in foreign], dataset.labels)
        temperature = fit_temperature(logits([row.raw for row in foreign]), right, confidence_loss)
        found = np.exp(log_softmax(logits([case.raw for case in cases]) / temperature))
        return FoldAnswers({"head": Answers.of_distributions(found)})

    def _embed(self, raws: Sequence[str]) -> NDArray[np.float32]:
        new = [raw for raw in dict.fromkeys(raws) if raw not in self.embedded]
        if new:
            self.embedded.update(zip(new, embed_raw(new, self.embedder), strict=True))
        return np.stack([self.embedded[raw] for raw in raws])


@dataclass(frozen=True)
class WholeTrainer:
    """Trains every tier as `python -m pipelines train` does, in a folder of its own that is emptied after.

    Attributes:
        recipe: how.
        data_root: folder of the base models.
        work: folder for the data set, the checkpoint, the trained model and the MLflow runs of the folds.
    """

    recipe: Recipe
    data_root: Path
    work: Path

    def answer(self, dataset: Dataset, cases: Sequence[Case], say: Callable[[str], None]) -> FoldAnswers:
        """Returns the answers of a model that was trained and calibrated on the fold's data set."""
        data = write_dataset(self.work, dataset, {})
        trained = self.work / "trained" / data.name
        if not (trained / ORIGIN).is_file():
            # By its path, so that the folds do not convert the weights once more.
            base = str(resolve_base(self.recipe.base, self.data_root, say).resolve())
            recipe = msgspec.structs.replace(self.recipe, base=base)
            run_training(recipe, data, trained, self.work, say)
        version = load_version(trained, self.work)
        found = version.distributions(cases)
        answers = {tier: Answers.of_distributions(one) for tier, one in found.items()}
        threshold = version.threshold
        shutil.rmtree(trained)
        shutil.rmtree(data)
        return FoldAnswers(answers, threshold)


def _rows(dataset: Dataset, split: Split) -> tuple[TrainingRow, ...]:
    def is_learnt(one: Example) -> bool:
        return one.split is split and not one.opaque and not one.ambiguous

    return rows_of(one for one in dataset.examples if is_learnt(one))
