"""A fresh adapter in a base model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from pipelines.lib.scoring.base_model import BaseModelError
from pipelines.lib.scoring.one_token_model import OneTokenModel, load_base
from pipelines.lib.training.recipe import Recipe


def load_for_training(folder: Path, label_ids: Sequence[int], recipe: Recipe) -> OneTokenModel:
    """Loads a base model and puts a fresh adapter into it.

    Raises:
        BaseModelError: the model lacks what the recipe wants to adapt.
    """
    return adapt(load_base(folder, recipe.dtype), label_ids, recipe)


def adapt(base: nn.Module, label_ids: Sequence[int], recipe: Recipe) -> OneTokenModel:
    """Puts a fresh adapter, drawn by the recipe's seed, into a base model.

    Raises:
        BaseModelError: the model lacks what the recipe wants to adapt.
    """
    layers = base.config.num_hidden_layers
    first = recipe.lora.first_layer
    if first >= layers:
        raise BaseModelError(f"the recipe adapts layers from {first} on, the base has {layers}")
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=list(recipe.lora.targets),
        layers_to_transform=list(range(first, layers)) if first else None,
    )
    torch.manual_seed(recipe.seed)
    try:
        # The adapter has the base's number format; the optimiser keeps the exact values.
        adapted = get_peft_model(base, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise BaseModelError(f"the base cannot be adapted as the recipe says: {error}") from error
    if recipe.gradient_checkpointing:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return OneTokenModel(adapted, label_ids)
