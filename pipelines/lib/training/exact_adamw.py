import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class ExactAdamW:
    """AdamW that keeps float32 values of the parameters, whatever their number format in the model.

    In bfloat16 a step of a thousandth of a value is lost; so the values are held here, stepped exactly,
    and then rounded into the model.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, weight_decay: float
    ) -> None:
        self._parameters = dict(parameters)
        self._exact = {
            name: nn.Parameter(parameter.detach().float().clone())
            for name, parameter in self._parameters.items()
        }
        self._adamw = torch.optim.AdamW(
            list(self._exact.values()), lr=learning_rate, weight_decay=weight_decay
        )

    def step(self, learning_rate: float, clip_norm: float) -> float:
        """Takes one step down the gradients, forgets them, and returns how long they were."""
        for name, parameter in self._parameters.items():
            exact = self._exact[name]
            exact.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        length = float(torch.nn.utils.clip_grad_norm_(self._exact.values(), clip_norm))
        if not math.isfinite(length):
            raise FloatingPointError("the gradient is not finite: the learning rate is too high")
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()
        self._round()
        return length

    def state(self) -> dict[str, Tensor]:
        """Returns everything that is needed to go on exactly."""
        tensors: dict[str, Tensor] = {}
        for name, exact in self._exact.items():
            tensors[f"exact/{name}"] = exact.detach()
            for key, value in self._adamw.state.get(exact, {}).items():
                tensors[f"{key}/{name}"] = value
        return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts a state back, into the model's parameters too."""
        for name, exact in self._exact.items():
            exact.data.copy_(tensors[f"exact/{name}"])
            if f"step/{name}" in tensors:
                self._adamw.state[exact] = {
                    "step": tensors[f"step/{name}"].clone(),
                    "exp_avg": tensors[f"exp_avg/{name}"].to(exact.device).clone(),
                    "exp_avg_sq": tensors[f"exp_avg_sq/{name}"].to(exact.device).clone(),
                }
        self._round()

    def _round(self) -> None:
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(self._exact[name])


def rate_at(step: int, steps: int, *, highest: float, warmup: float) -> float:
    """Returns the learning rate of a step: a linear rise, then half a cosine down to a tenth of the highest.

    Args:
        step: the step, counted from 0.
        steps: steps of the whole training.
        highest: rate at the end of the warm-up.
        warmup: share of the steps in which the rate rises.
    """
    rising = max(1, round(steps * warmup))
    if step < rising:
        return highest * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return highest * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
