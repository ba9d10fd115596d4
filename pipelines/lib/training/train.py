"""The training loop, for one process on a CPU and for many on GPUs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pipelines.lib.scoring.one_token_model import OneTokenModel, label_logits
from pipelines.lib.training.checkpoint import (
    Checkpoint,
    CurvePoint,
    TrainingState,
    load_checkpoint,
    save_checkpoint,
)
from pipelines.lib.training.exact_adamw import ExactAdamW, rate_at
from pipelines.lib.training.lower_layers import LowerLayers
from pipelines.lib.training.plan_epoch import plan_epoch, prompt_of, share_of, take
from pipelines.lib.training.recipe import Recipe
from pipelines.lib.training.training_rows import EncodedRow

_SAY_EVERY = 10.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a training is to do.

    Attributes:
        recipe: how.
        run: hash of everything that decides the result; a checkpoint of another run is left alone.
        training: rows to learn from.
        validation: rows that the end and the best step are chosen on.
        checkpoint: folder of the checkpoint; None to write none.
    """

    recipe: Recipe
    run: str
    training: Sequence[EncodedRow]
    validation: Sequence[EncodedRow]
    checkpoint: Path | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training.

    Attributes:
        state: how far it went.
        steps: how far it would have gone without an early end.
        resumed_at: the step it went on from; 0 when it began anew.
        best: values of the adapter at the best step, by name of the parameter.
    """

    state: TrainingState
    steps: int
    resumed_at: int
    best: dict[str, Tensor]


def train(
    model: OneTokenModel,
    plan: Plan,
    say: Callable[[str], None] = lambda _: None,
    accelerator: Accelerator | None = None,
) -> Trained:
    """Trains the adapter of a model, and leaves the model with the adapter of the best step.

    Goes on from the checkpoint of the same run if there is one, with the same result as without the break.

    Args:
        model: the model, with a fresh adapter.
        plan: what to do.
        say: is told the progress.
        accelerator: the processes and devices; by default the one that this machine offers.
    """
    return _Training(model, plan, say, accelerator or Accelerator(mixed_precision="no")).run()


class _Training:
    def __init__(
        self, model: OneTokenModel, plan: Plan, say: Callable[[str], None], accelerator: Accelerator
    ) -> None:
        self.plan = plan
        self.say = say if accelerator.is_main_process else lambda _: None
        self.accelerator = accelerator
        self.model = model.to(accelerator.device)
        self.parameters = {
            name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad
        }
        # With one process this is the model itself; with several it averages the gradients.
        self.shared: nn.Module = accelerator.prepare_model(self.model)
        schedule = plan.recipe.schedule
        self.optimiser = ExactAdamW(
            self.parameters, learning_rate=schedule.learning_rate, weight_decay=schedule.weight_decay
        )
        self.batches = [
            batch
            for epoch in range(schedule.epochs)
            for batch in plan_epoch(
                plan.training,
                epoch,
                seed=plan.recipe.seed,
                rows=schedule.batch_rows,
                vendor_dropout=schedule.vendor_dropout,
            )
        ]
        per_epoch = len(self.batches) / schedule.epochs
        self.validate_every = max(1, round(per_epoch / schedule.validations_per_epoch))
        self.best: dict[str, Tensor] = {}
        self.state = TrainingState(run=plan.run)
        self.lower: LowerLayers | None = None

    def run(self) -> Trained:
        resumed_at = self._resume()
        first = self.plan.recipe.lora.first_layer
        if not first:
            return self._run(resumed_at)
        self.say(f"computing the {first} layers below the adapter, once for all epochs")
        rows = [*self.plan.training, *self.plan.validation]
        with LowerLayers(self.model, first, [ids for row in rows for ids in (row.bare, row.named)]) as lower:
            self.lower = lower
            return self._run(resumed_at)

    def _run(self, resumed_at: int) -> Trained:
        self.model.train()
        self.began, self.spent_before = time.monotonic(), self.state.seconds
        self.tokens_before = self.state.tokens
        said = self.began
        while self.state.step < len(self.batches) and not self._is_over():
            self._step()
            if self.state.step % self.validate_every == 0 or self.state.step == len(self.batches):
                self._validate()
                self._save()
            elif self.state.step % self.plan.recipe.schedule.checkpoint_steps == 0:
                self._save()
            if time.monotonic() - said >= _SAY_EVERY:
                said = time.monotonic()
                self._report()
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.best[name])
        self.model.eval()
        return Trained(self.state, len(self.batches), resumed_at, self.best)

    def _resume(self) -> int:
        if self.plan.checkpoint is None:
            return 0
        found = load_checkpoint(self.plan.checkpoint, self.plan.run)
        if found is None:
            return 0
        self.optimiser.load(found.optimiser)
        self.state, self.best = found.state, found.best
        self.say(f"going on from the checkpoint at step {self.state.step}")
        return self.state.step

    def _step(self) -> None:
        schedule, step = self.plan.recipe.schedule, self.state.step
        # Dropout is drawn anew from the step, so that a training that was killed draws as it would have.
        torch.manual_seed(self.plan.recipe.seed + step * self.accelerator.num_processes + self._process)
        mine = share_of(self.batches[step], self._process, self.accelerator.num_processes)
        batch = take(self.plan.training, mine).to(self.accelerator.device)
        inputs = batch.input_ids
        if self.lower is not None:
            inputs = self.lower.inputs([prompt_of(self.plan.training, one) for one in mine])
        logits = self.shared(inputs.to(self.accelerator.device), batch.last)
        loss = nn.functional.cross_entropy(logits, batch.targets, label_smoothing=schedule.label_smoothing)
        self.accelerator.backward(loss)
        rate = rate_at(step, len(self.batches), highest=schedule.learning_rate, warmup=schedule.warmup)
        self.optimiser.step(rate, schedule.clip_norm)
        self.state = msgspec.structs.replace(
            self.state,
            step=step + 1,
            tokens=self.state.tokens + batch.tokens * self.accelerator.num_processes,
            loss_sum=self.state.loss_sum + float(loss.detach()),
            loss_batches=self.state.loss_batches + 1,
        )

    def _validate(self) -> None:
        prompts = [row.bare for row in self.plan.validation]
        targets = torch.tensor([row.target for row in self.plan.validation])
        inputs_of = None if self.lower is None else self.lower.inputs
        logits = label_logits(self.model, prompts, device=self.accelerator.device, inputs_of=inputs_of)
        point = CurvePoint(
            step=self.state.step,
            training_loss=self.state.loss_sum / max(1, self.state.loss_batches),
            validation_loss=float(nn.functional.cross_entropy(logits, targets)),
            validation_accuracy=float((logits.argmax(1) == targets).float().mean()),
        )
        better = point.validation_loss < min(
            (one.validation_loss for one in self.state.curve), default=float("inf")
        )
        if better or not self.best:
            self.best = {name: value.detach().cpu().clone() for name, value in self.parameters.items()}
        self.state = msgspec.structs.replace(
            self.state,
            loss_sum=0.0,
            loss_batches=0,
            best_step=point.step if better else self.state.best_step,
            curve=(*self.state.curve, point),
        )
        self.say(
            f"step {point.step}: training loss {point.training_loss:.3f}, validation loss "
            f"{point.validation_loss:.3f}, accuracy {point.validation_accuracy:.1%}"
            f"{' (best)' if better else ''}"
        )

    def _is_over(self) -> bool:
        since = [one for one in self.state.curve if one.step > self.state.best_step]
        return bool(self.state.best_step) and len(since) >= self.plan.recipe.schedule.patience

    def _save(self) -> None:
        self.state = msgspec.structs.replace(self.state, seconds=self._seconds())
        if self.plan.checkpoint is None or not self.accelerator.is_main_process:
            return
        save_checkpoint(self.plan.checkpoint, Checkpoint(self.state, self.optimiser.state(), self.best))

    def _report(self) -> None:
        here = time.monotonic() - self.began
        step, steps = self.state.step, len(self.batches)
        speed = (self.state.tokens - self.tokens_before) / max(here, 1e-9)
        left = self._seconds() / max(1, step) * (steps - step)
        loss = self.state.loss_sum / max(1, self.state.loss_batches)
        self.say(f"step {step} of {steps}, loss {loss:.3f}, {speed:.0f} tokens/s, {left:.0f} s left")

    def _seconds(self) -> float:
        return self.spent_before + time.monotonic() - self.began

    @property
    def _process(self) -> int:
        return int(self.accelerator.process_index)
