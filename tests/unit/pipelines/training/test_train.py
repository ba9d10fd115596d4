import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.training.choose_label_tokens import choose_label_tokens
from pipelines.lib.training.recipe import Recipe, load_recipe
from tests.unit.pipelines.training.conftest import NO_TORCH

torch: Any = pytest.importorskip("torch", reason=NO_TORCH)
pytest.importorskip("peft", reason=NO_TORCH)

from pipelines.lib.scoring.base_model import BaseModelError  # noqa: E402 - they need torch
from pipelines.lib.scoring.one_token_model import (  # noqa: E402
    label_logits,
    load_merged,
    load_tokenizer,
)
from pipelines.lib.training.adapt import load_for_training  # noqa: E402
from pipelines.lib.training.checkpoint import load_checkpoint  # noqa: E402
from pipelines.lib.training.lower_layers import LowerLayers  # noqa: E402
from pipelines.lib.training.train import Plan, Trained, train  # noqa: E402
from pipelines.lib.training.training_rows import TrainingRow, encode_rows  # noqa: E402

Recipes = Callable[..., Recipe]
Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def run(
    base: Path,
    taxonomy: Taxonomy,
    rows: Rows,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    name: str = "one",
) -> tuple[Any, Trained]:
    tokenizer = load_tokenizer(base)
    tokens = choose_label_tokens(taxonomy, tokenizer)
    model = load_for_training(base, tokens.ids, recipe)
    taken = [TrainingRow(row["raw"], row["label"], row["vendor"] or None) for row in rows]
    encoded = encode_rows(tokenizer, taken, tokens.labels)
    plan = Plan(recipe, name, encoded, encoded[::3], checkpoint)
    return model, train(model, plan, say)


@pytest.mark.parametrize("first_layer", [0, 2])
def test_the_loss_falls(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows, tiny_recipe: Recipes, first_layer: int
) -> None:
    _, trained = run(tiny_base, taxonomy, tiny_rows, tiny_recipe(first_layer=first_layer, epochs=8))
    first, last = trained.state.curve[0], trained.state.curve[-1]
    assert last.training_loss < first.training_loss / 2
    assert last.validation_accuracy > 0.5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_one_seed_gives_one_adapter(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows, tiny_recipe: Recipes, dtype: str
) -> None:
    found = [
        run(tiny_base, taxonomy, tiny_rows, tiny_recipe(seed=seed, dtype=dtype, epochs=2))[1].best
        for seed in (7, 7, 8)
    ]
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not torch.equal(found[0][name], found[2][name]) for name in found[0])


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
import msgspec
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.lib.training.recipe import Recipe
from tests.unit.pipelines.training.test_train import run

def say(line):
    if line.startswith("step 10:"):
        os.kill(os.getpid(), signal.SIGKILL)

import torch
torch.set_num_threads(1)
recipe = msgspec.json.decode(sys.argv[4], type=Recipe)
run(Path(sys.argv[2]), load_taxonomy("2026.11"), msgspec.json.decode(sys.argv[5]), recipe,
    checkpoint=Path(sys.argv[3]), say=say)
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("first_layer", [0, 1])
def test_a_training_that_was_killed_ends_as_if_it_had_not_been(
    tiny_base: Path,
    taxonomy: Taxonomy,
    tiny_rows: Rows,
    tiny_recipe: Recipes,
    tmp_path: Path,
    first_layer: int,
) -> None:
    recipe = tiny_recipe(first_layer=first_layer)
    root = Path(__file__).parents[4]
    arguments = [str(root), str(tiny_base), str(tmp_path / "checkpoint")]
    arguments += [msgspec.json.encode(one).decode() for one in (recipe, tiny_rows)]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments],
        check=False,
        capture_output=True,
        env=os.environ,
        cwd=root,
        timeout=100,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    left = load_checkpoint(tmp_path / "checkpoint", "one")
    assert left is not None
    assert left.state.step == 9

    model, resumed = run(tiny_base, taxonomy, tiny_rows, recipe, checkpoint=tmp_path / "checkpoint")
    other, whole = run(tiny_base, taxonomy, tiny_rows, recipe)

    assert resumed.resumed_at == 9
    assert resumed.state.curve == whole.state.curve
    assert resumed.best.keys() == whole.best.keys()
    assert all(torch.equal(resumed.best[name], whole.best[name]) for name in whole.best)
    prompts = [[1, 2, 3], [4, 5]]
    assert torch.equal(label_logits(model, prompts), label_logits(other, prompts))


def test_the_checkpoint_of_another_run_is_left_alone(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows, tiny_recipe: Recipes, tmp_path: Path
) -> None:
    run(tiny_base, taxonomy, tiny_rows, tiny_recipe(epochs=1), checkpoint=tmp_path / "c", name="other")
    _, trained = run(tiny_base, taxonomy, tiny_rows, tiny_recipe(epochs=1), checkpoint=tmp_path / "c")
    assert trained.resumed_at == 0


@pytest.mark.parametrize("broken", ["state.json", "optimiser.safetensors", "best.safetensors"])
def test_a_damaged_checkpoint_is_no_checkpoint(
    tiny_base: Path,
    taxonomy: Taxonomy,
    tiny_rows: Rows,
    tiny_recipe: Recipes,
    tmp_path: Path,
    broken: str,
) -> None:
    run(tiny_base, taxonomy, tiny_rows, tiny_recipe(epochs=1), checkpoint=tmp_path / "c")
    assert load_checkpoint(tmp_path / "c", "one") is not None
    (tmp_path / "c" / broken).write_bytes(b"\0" * 40)
    assert load_checkpoint(tmp_path / "c", "one") is None


def test_training_ends_early_when_validation_gets_no_better(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows, tiny_recipe: Recipes
) -> None:
    recipe = tiny_recipe(learning_rate=1e-12, epochs=6, patience=2)
    _, trained = run(tiny_base, taxonomy, tiny_rows, recipe)
    assert trained.state.step < trained.steps


def test_lower_layers_put_aside_give_the_same_answers_and_come_back(
    tiny_base: Path, taxonomy: Taxonomy, tiny_recipe: Recipes
) -> None:
    tokens = choose_label_tokens(taxonomy, load_tokenizer(tiny_base))
    model = load_for_training(tiny_base, tokens.ids, tiny_recipe(first_layer=2))
    prompts = [[1, 2, 3, 4], [5, 6], [7, 8, 9]]
    before = label_logits(model, prompts)
    with LowerLayers(model, 2, prompts) as lower:
        assert torch.allclose(label_logits(model, prompts, inputs_of=lower.inputs), before, atol=1e-5)
    assert torch.equal(label_logits(model, prompts), before)


def test_padding_does_not_change_an_answer(tiny_base: Path, taxonomy: Taxonomy, tiny_recipe: Recipes) -> None:
    tokens = choose_label_tokens(taxonomy, load_tokenizer(tiny_base))
    model = load_for_training(tiny_base, tokens.ids, tiny_recipe())
    together = label_logits(model, [[1, 2], list(range(1, 40))])
    assert torch.allclose(label_logits(model, [[1, 2]])[0], together[0], atol=1e-5)


def test_the_merged_model_answers_as_the_live_adapter_does(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows, tiny_recipe: Recipes, tmp_path: Path
) -> None:
    model, _ = run(tiny_base, taxonomy, tiny_rows, tiny_recipe(epochs=2))
    model.causal_lm.save_pretrained(tmp_path)
    merged = load_merged(tiny_base, tmp_path, model.label_ids.tolist(), "float32")
    prompts = [[1, 2, 3], [4, 5, 6, 7]]
    assert torch.allclose(label_logits(merged, prompts), label_logits(model, prompts), atol=1e-4)


def test_the_recipe_for_gpus_runs_its_code_path_on_a_tiny_llama(
    tiny_base: Path, taxonomy: Taxonomy, tiny_rows: Rows
) -> None:
    recipe = load_recipe("llama-3-8b")
    schedule = msgspec.structs.replace(recipe.schedule, epochs=1, batch_rows=8)
    recipe = msgspec.structs.replace(recipe, schedule=schedule)
    model, trained = run(tiny_base, taxonomy, tiny_rows, recipe)
    assert trained.state.step == 5
    assert model.inner.is_gradient_checkpointing


def test_a_projection_that_the_base_has_not_is_refused(
    tiny_base: Path, taxonomy: Taxonomy, tiny_recipe: Recipes
) -> None:
    recipe = tiny_recipe()
    recipe = msgspec.structs.replace(recipe, lora=msgspec.structs.replace(recipe.lora, targets=("qkv",)))
    tokens = choose_label_tokens(taxonomy, load_tokenizer(tiny_base))
    with pytest.raises(BaseModelError, match="cannot be adapted"):
        load_for_training(tiny_base, tokens.ids, recipe)
