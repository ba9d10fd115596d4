from collections.abc import Sequence
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.lib.training.base_model import BaseModelError
from pipelines.lib.training.batches import in_batches
from pipelines.lib.training.label_tokens import Tokenizer
from pipelines.lib.training.lower_layers import LowerLayers
from pipelines.lib.training.recipe import Recipe

_SCORED_ROWS = 64


class OneTokenModel(nn.Module):
    """A causal language model that answers with one token per label.

    Only the rows of the output matrix that belong to label tokens are multiplied, and only at the last
    position: the logits of the whole vocabulary are never made.
    """

    def __init__(self, causal_lm: nn.Module, label_ids: Sequence[int]) -> None:
        super().__init__()
        self.causal_lm = causal_lm
        self.label_ids: Tensor
        self.register_buffer("label_ids", torch.tensor(label_ids), persistent=False)

    @property
    def inner(self) -> nn.Module:
        """The language model itself, with the adapter's layers in it."""
        return self.causal_lm.get_base_model() if isinstance(self.causal_lm, PeftModel) else self.causal_lm

    def forward(self, inputs: Tensor, last: Tensor) -> Tensor:
        """Returns the logits of the labels in float32, rows by labels.

        Args:
            inputs: token ids, or what the first layer is to read in the place of their embeddings; padded at
                the end.
            last: place of the last token of each row.
        """
        inner = self.inner
        given = {"inputs_embeds": inputs} if inputs.is_floating_point() else {"input_ids": inputs}
        hidden = inner.model(**given, use_cache=False).last_hidden_state
        final = hidden[torch.arange(len(last), device=hidden.device), last]
        return (final @ inner.lm_head.weight[self.label_ids].T).float()


def load_tokenizer(folder: Path) -> Tokenizer:
    """Loads the tokenizer of a base model."""
    tokenizer: Tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def load_for_training(folder: Path, label_ids: Sequence[int], recipe: Recipe) -> OneTokenModel:
    """Loads a base model and puts a fresh adapter into it.

    Raises:
        BaseModelError: the model lacks what the recipe wants to adapt.
    """
    return adapt(_load(folder, recipe.dtype), label_ids, recipe)


def _load(folder: Path, dtype: str) -> nn.Module:
    # On a CPU the fused attention takes four times as long as the plain one for rows of a dozen
    # tokens, most of it on the way back.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    model: nn.Module = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention
    )
    return model


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


def load_merged(
    folder: Path, adapter: Path, label_ids: Sequence[int], dtype: str = "bfloat16"
) -> OneTokenModel:
    """Loads a base model with an adapter merged into its weights: as fast as the base alone."""
    base = _load(folder, dtype)
    merged = PeftModel.from_pretrained(base, adapter, autocast_adapter_dtype=False).merge_and_unload()
    model = OneTokenModel(merged, label_ids)
    model.eval()
    return model


def label_logits(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    device: torch.device | None = None,
    lower: LowerLayers | None = None,
) -> Tensor:
    """Returns the logits of the labels for prompts, in their order, on the CPU.

    Args:
        model: a `OneTokenModel`.
        prompts: token ids.
        device: where the model is; by default the CPU.
        lower: what the layers that the model has put aside make of the prompts.
    """
    if not prompts:
        return torch.empty(0, 0)
    was_training = model.training
    model.eval()
    found: list[Tensor] = [torch.empty(0)] * len(prompts)
    with torch.inference_mode():
        for places, batch in in_batches(prompts, _SCORED_ROWS):
            there = batch.to(device or torch.device("cpu"))
            inputs = there.input_ids if lower is None else lower.inputs([prompts[at] for at in places])
            logits = model(inputs.to(there.last.device), there.last).cpu()
            for place, row in zip(places, logits, strict=True):
                found[place] = row
    model.train(was_training)
    return torch.stack(found).clone()
