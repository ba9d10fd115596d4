import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.training.recipe import LoraRecipe, Recipe, ScheduleRecipe

NO_TORCH = "the extra `training` is not installed: the training itself is NOT tested here"


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    return load_taxonomy("2026.11")


class Words:
    """A tokenizer whose vocabulary is whole words with their space; anything else is two tokens."""

    def __init__(self, words: Sequence[str]) -> None:
        self._ids = {word: at for at, word in enumerate(words)}

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        del add_special_tokens
        return [self._ids[text]] if text in self._ids else [0, 0]

    def get_vocab(self) -> dict[str, int]:
        return dict(self._ids)


@pytest.fixture(scope="session")
def words(taxonomy: Taxonomy) -> Callable[..., Words]:
    """Makes a tokenizer that knows the words of the edition but for the given number of them."""

    def make(*, without: int = 0) -> Words:
        text = " ".join(f"{one.name} {one.means}" for one in taxonomy.labels.values())
        for mark in ".,;:()/-'\"_":
            text = text.replace(mark, " ")
        spaced = [char if char.islower() else f" {char.lower()}" for char in text]
        found = sorted({f" {word}" for word in [*text.lower().split(), *"".join(spaced).split()]})
        return Words(found[without:])

    return make


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy) -> Path:
    """A Llama of a few thousand random weights, with a byte-level vocabulary learnt from the edition."""
    torch: Any = pytest.importorskip("torch", reason=NO_TORCH)
    transformers: Any = pytest.importorskip("transformers", reason=NO_TORCH)
    tokenizers: Any = pytest.importorskip("tokenizers", reason=NO_TORCH)
    folder = tmp_path_factory.mktemp("tiny_llama")
    bpe = tokenizers.ByteLevelBPETokenizer()
    words = [f"{one.name} {one.means}".replace(".", " ") for one in taxonomy.labels.values()]
    bpe.train_from_iterator(words * 3, vocab_size=3000, min_frequency=2, show_progress=False)
    transformers.PreTrainedTokenizerFast(tokenizer_object=bpe._tokenizer).save_pretrained(folder)
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=3000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        tie_word_embeddings=True,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_recipe() -> Callable[..., Recipe]:
    """Makes a recipe for the tiny Llama."""

    def make(*, first_layer: int = 0, seed: int = 7, dtype: str = "float32", **schedule: Any) -> Recipe:
        steps = {
            "learning_rate": 0.02,
            "epochs": 4,
            "batch_rows": 8,
            "checkpoint_steps": 3,
            "validations_per_epoch": 1,
        }
        return Recipe(
            name="tiny",
            base="tiny",
            dtype=dtype,
            lora=LoraRecipe(
                rank=4, alpha=8, targets=("q_proj", "v_proj", "o_proj"), first_layer=first_layer, dropout=0.1
            ),
            schedule=msgspec.convert({**steps, **schedule}, ScheduleRecipe),
            seed=seed,
        )

    return make


@pytest.fixture(scope="session")
def tiny_rows() -> list[dict[str, str]]:
    """Forty raw labels of four canonical ones, half of them some vendor's."""
    kinds = {
        "PII.Contact.Email": "email",
        "SECRET.Password": "password",
        "JAILBREAK.Attempt": "jailbreak",
        "OTHER.Safe": "safe",
    }
    rows = [
        {"raw": f"{word}_{number:02d}", "label": label, "vendor": "acme" if number % 2 else ""}
        for label, word in kinds.items()
        for number in range(10)
    ]
    assert len(json.dumps(rows)) > len(rows)
    return rows
