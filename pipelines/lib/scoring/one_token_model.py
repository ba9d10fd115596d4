from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.lib.scoring.batches import in_batches
from pipelines.lib.scoring.label_tokens import TextTokenizer
from pipelines.lib.scoring.merge_adapter import merge_adapter

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
        of_adapted = getattr(self.causal_lm, "get_base_model", None)
        inner: nn.Module = self.causal_lm if of_adapted is None else of_adapted()
        return inner

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
        # In float32 from here on: bfloat16 would round logits of this size to eighths.
        return final.float() @ inner.lm_head.weight[self.label_ids].float().T


def load_tokenizer(folder: Path) -> TextTokenizer:
    """Loads the tokenizer of a base model."""
    tokenizer: TextTokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def load_base(folder: Path, dtype: str) -> nn.Module:
    """Loads a base model, in the attention that is quick for short prompts on this machine."""
    # On a CPU the fused attention takes four times as long as the plain one for rows of a dozen
    # tokens, most of it on the way back.
    attention = "sdpa" if torch.cuda.is_available() else "eager"
    model: nn.Module = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), attn_implementation=attention
    )
    return model


def load_merged(
    folder: Path, adapter: Path, label_ids: Sequence[int], dtype: str = "bfloat16"
) -> OneTokenModel:
    """Loads a base model with an adapter merged into its weights: as fast as the base alone.

    Raises:
        BaseModelError: the adapter is missing, of another base, or of a kind that cannot be merged.
    """
    base = load_base(folder, dtype)
    merge_adapter(base, adapter)
    model = OneTokenModel(base, label_ids)
    model.eval()
    return model


def label_logits(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    device: torch.device | None = None,
    inputs_of: Callable[[Sequence[Sequence[int]]], Tensor] | None = None,
) -> Tensor:
    """Returns the logits of the labels for prompts, in their order, on the CPU.

    Args:
        model: a `OneTokenModel`.
        prompts: token ids.
        device: where the model is; by default the CPU.
        inputs_of: what the first layer reads for prompts, padded at the end; by default their token ids.
    """
    if not prompts:
        return torch.empty(0, 0)
    was_training = model.training
    model.eval()
    found: list[Tensor] = [torch.empty(0)] * len(prompts)
    with torch.inference_mode():
        for places, batch in in_batches(prompts, _SCORED_ROWS):
            there = batch.to(device or torch.device("cpu"))
            inputs = there.input_ids if inputs_of is None else inputs_of([prompts[at] for at in places])
            logits = model(inputs.to(there.last.device), there.last).cpu()
            for place, row in zip(places, logits, strict=True):
                found[place] = row
    model.train(was_training)
    return torch.stack(found).clone()
