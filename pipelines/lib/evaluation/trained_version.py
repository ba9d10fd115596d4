"""A trained version that can be asked about cases: the only part of the evaluation that needs the model."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.evaluation.answers import ABSTAINED, Answers
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.latency import Latency, measure_latency
from pipelines.lib.evaluation.variants import ODD_LABELS, VARIANTS
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.embedder import load_embedder
from pipelines.lib.scoring.raw_label import RawLabel
from pipelines.lib.scoring.score import ORIGIN, MismatchError, Origin, Scorer, load_scorer

_TIMED = 200


@dataclass(frozen=True)
class TrainedVersion:
    """A version, loaded.

    Attributes:
        origin: what it was made of.
        taxonomy: the edition that it answers in.
        scorer: what answers.
    """

    origin: Origin
    taxonomy: Taxonomy
    scorer: Scorer

    @property
    def threshold(self) -> float | None:
        """Confidence from which on its answers are relied on."""
        return self.scorer.calibration.threshold

    def distributions(self, cases: Sequence[Case]) -> Mapping[str, NDArray[np.float64]]:
        """Returns the distributions of the model, of the embedding head and of both together."""
        found = self.scorer.logits([RawLabel(case.raw, case.vendor) for case in cases])
        calibration = self.scorer.calibration
        return {
            "model": np.exp(calibration.model(found.model)),
            "head": np.exp(calibration.head(found.head)),
            "combined": np.exp(calibration.combined(found.model, found.head)),
        }

    def spelled_otherwise(
        self, cases: Sequence[Case], variant: str, plain: NDArray[np.float64], most: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Returns the distributions for another spelling of labels, and which labels were spelled otherwise.

        Args:
            cases: the labels.
            variant: name of the way of spelling.
            plain: the distributions for the labels as they are, kept where nothing changes.
            most: labels that are spelled otherwise, spread over those that the way changes.
        """
        spelled = [VARIANTS[variant](case.raw) for case in cases]
        changes = [at for at, case in enumerate(cases) if spelled[at] != case.raw]
        taken = changes[:: max(1, -(-len(changes) // most))]
        differs = np.zeros(len(cases), dtype=np.bool_)
        differs[taken] = True
        changed = plain.copy()
        changed[taken] = self.scorer.score([(cases[at].vendor, spelled[at]) for at in taken])
        return changed, differs

    def sure_labels(self, asked: Sequence[tuple[str | None, str]]) -> Sequence[str | None]:
        """Returns the label of each pair of vendor and raw label, or None where the version is not sure."""
        labels = self.scorer.labels
        sure = Answers.of_distributions(self.scorer.score(asked)).above(self.threshold, labels)
        return [labels[at] if at != ABSTAINED else None for at in sure.places]

    def odd_labels(self) -> NDArray[np.float64]:
        """Returns the distributions for texts that are no label."""
        return self.scorer.score([(None, raw) for raw in ODD_LABELS])

    def latency(self, cases: Sequence[Case]) -> Latency:
        """Times one label after another, each another one, spread over the cases."""
        step = max(1, len(cases) // _TIMED)
        raws = [case.raw for case in cases][::step][:_TIMED]
        machine = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
        return measure_latency(lambda raw: self.scorer.score([(None, raw)]), raws, machine)


def load_version(folder: Path, data_root: Path) -> TrainedVersion:
    """Loads a trained folder with its base model.

    Args:
        folder: the trained folder.
        data_root: folder of the base models.

    Raises:
        ModelInputError: the folder is no trained model, its weights are missing, or parts do not belong
            together.
    """
    origin = read_origin(folder)
    taxonomy = load_taxonomy(origin.edition)
    scorer = load_scorer(folder, resolve_base(origin.base, data_root), taxonomy, load_embedder())
    return TrainedVersion(origin, taxonomy, scorer)


def read_origin(folder: Path) -> Origin:
    """Reads what a trained folder was made of.

    Raises:
        MismatchError: it is no trained folder.
    """
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError) as error:
        raise MismatchError(f"{folder} holds no trained model: {error}") from error


def combined_answers(version: TrainedVersion, cases: Sequence[Case]) -> Answers:
    """Returns what a version answers to cases, model and embedding head together."""
    return Answers.of_distributions(version.distributions(cases)["combined"])
