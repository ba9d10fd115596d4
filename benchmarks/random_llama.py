"""Llamas of random weights: as large as a real one, and nothing has to be fetched."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how long a Llama computes."""

    name: str
    hidden: int
    between: int
    layers: int
    heads: int
    key_value_heads: int
    vocabulary: int


LLAMA_3_8B = Shape("Llama-3-8B", 4096, 14336, 32, 32, 8, 128256)
TINY = Shape("tiny", 64, 128, 2, 4, 2, 512)


def random_llama(shape: Shape, device: torch.device) -> nn.Module:
    """Return a model in bfloat16, made where it is to compute."""
    config = LlamaConfig(
        hidden_size=shape.hidden,
        intermediate_size=shape.between,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        vocab_size=shape.vocabulary,
        max_position_embeddings=8192,
        rope_theta=500_000.0,
        attn_implementation="sdpa",
    )
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with device:
            model: nn.Module = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return model


def weight_bytes(model: nn.Module) -> int:
    """Return what one forward pass has to read at least: all weights but two tables."""
    # Scoring reads a row of the one for each token and of the other for each label: next to nothing.
    beside = {id(part.weight) for part in (model.get_input_embeddings(), model.get_output_embeddings())}
    return sum(one.numel() * one.element_size() for one in model.parameters() if id(one) not in beside)
