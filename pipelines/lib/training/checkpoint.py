"""Where a training was when it was killed."""

from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.lib.scoring.atomic_file import atomic_folder

_STATE = "state.json"
_OPTIMISER = "optimiser.safetensors"
_BEST = "best.safetensors"


class CurvePoint(msgspec.Struct, frozen=True):
    """One validation.

    Attributes:
        step: steps taken until then.
        training_loss: mean loss of the rows since the last point.
        validation_loss: mean loss of the validation rows, without label smoothing.
        validation_accuracy: share of the validation rows that are right.
    """

    step: int
    training_loss: float
    validation_loss: float
    validation_accuracy: float


class TrainingState(msgspec.Struct, frozen=True):
    """How far a training is. The order of the rows and every random draw follow from seed, epoch and step.

    Attributes:
        run: hash of everything that decides what the training does; another run's state is not gone on from.
        step: steps taken.
        tokens: tokens read.
        seconds: time spent, over all processes that worked on it.
        loss_sum: sum of the losses of the batches since the last validation.
        loss_batches: number of those batches.
        best_step: the step with the lowest validation loss; 0 when there was no validation yet.
        curve: the validations.
    """

    run: str
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_batches: int = 0
    best_step: int = 0
    curve: tuple[CurvePoint, ...] = ()


class Checkpoint(msgspec.Struct, frozen=True):
    """A state with its tensors.

    Attributes:
        state: how far the training is.
        optimiser: exact values of the adapter and the optimiser's moments.
        best: the adapter at `best_step`.
    """

    state: TrainingState
    optimiser: dict[str, Tensor]
    best: dict[str, Tensor]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint in the place of the last one, whole or not at all."""
    with atomic_folder(folder) as draft:
        save_file(checkpoint.optimiser, draft / _OPTIMISER)
        save_file(checkpoint.best, draft / _BEST)
        (draft / _STATE).write_bytes(msgspec.json.encode(checkpoint.state))


def load_checkpoint(folder: Path, run: str) -> Checkpoint | None:
    """Reads the checkpoint of a run; None when there is none, or it is another run's, or it is damaged."""
    try:
        state = msgspec.json.decode((folder / _STATE).read_bytes(), type=TrainingState)
        if state.run != run:
            return None
        return Checkpoint(state, load_file(folder / _OPTIMISER), load_file(folder / _BEST))
    except (FileNotFoundError, msgspec.DecodeError, SafetensorError):
        return None
