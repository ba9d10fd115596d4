"""A LoRA adapter put into the weights of its base, as PEFT does it, without PEFT.

Importing PEFT takes longer than everything else that a server does before its first answer.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines.lib.scoring.base_model import BaseModelError

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."
_DOWN = ".lora_A.weight"
_UP = ".lora_B.weight"


class _Config(msgspec.Struct, frozen=True):
    """What is read of the configuration; the rest must be what plain LoRA has."""

    peft_type: str
    r: int
    lora_alpha: float
    bias: str = "none"
    fan_in_fan_out: bool = False
    use_dora: bool = False
    use_rslora: bool = False
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    modules_to_save: list[str] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the weights are base + alpha / rank · up · down and nothing more."""
        special = (self.fan_in_fan_out, self.use_dora, self.use_rslora, self.modules_to_save)
        patterns = (self.rank_pattern, self.alpha_pattern)
        return self.peft_type == "LORA" and self.bias == "none" and not any((*special, *patterns))


@dataclass(frozen=True, slots=True)
class _Adapter:
    """The two matrices, down and up, by the name of the weight they change, and what scales their product."""

    pairs: dict[str, tuple[Tensor, Tensor]]
    scale: float


def adapted_weights(folder: Path) -> tuple[str, ...]:
    """Returns the names of the base's weights that an adapter changes.

    Raises:
        BaseModelError: a file is missing, or the adapter is no plain LoRA.
    """
    return tuple(_read(folder).pairs)


def merge_adapter(model: nn.Module, folder: Path) -> None:
    """Adds an adapter to the weights of a model, in place.

    Args:
        model: the base model.
        folder: adapter_config.json and adapter_model.safetensors.

    Raises:
        BaseModelError: a file is missing, the adapter is no plain LoRA, or it is of another base.
    """
    adapter = _read(folder)
    parameters = dict(model.named_parameters())
    for name, (down, up) in adapter.pairs.items():
        weight = parameters.get(name)
        if weight is None or weight.shape != (up.shape[0], down.shape[1]):
            raise BaseModelError(f"the adapter in {folder} does not fit the base: {name}")
        _add(weight, up, down, adapter.scale)


def _read(folder: Path) -> _Adapter:
    try:
        config = msgspec.json.decode((folder / ADAPTER_CONFIG).read_bytes(), type=_Config)
    except (OSError, msgspec.DecodeError) as error:
        raise BaseModelError(f"{folder} holds no adapter: {error}") from error
    if not config.is_plain:
        raise BaseModelError(f"the adapter in {folder} is no plain LoRA adapter")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise BaseModelError(f"{folder} holds no adapter: {ADAPTER_WEIGHTS} is missing")
    tensors = load_file(folder / ADAPTER_WEIGHTS)
    pairs = {
        f"{name.removeprefix(_PREFIX).removesuffix(_DOWN)}.weight": (down, tensors[up])
        for name, down in tensors.items()
        if name.endswith(_DOWN) and (up := name.removesuffix(_DOWN) + _UP) in tensors
    }
    if not pairs or len(pairs) * 2 != len(tensors):
        raise BaseModelError(f"the adapter in {folder} holds tensors that are no pairs of LoRA")
    return _Adapter(pairs, config.lora_alpha / config.r)


def _add(weight: Tensor, up: Tensor, down: Tensor, scale: float) -> None:
    with torch.no_grad():
        # In float32, then rounded once to the base's number format.
        change = (up.float() @ down.float()) * scale
        weight += change.to(weight)
