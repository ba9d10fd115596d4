import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipelines.training.conftest import NO_TORCH

torch: Any = pytest.importorskip("torch", reason=NO_TORCH)
peft: Any = pytest.importorskip("peft", reason=NO_TORCH)

from pipelines.lib.scoring.base_model import BaseModelError  # noqa: E402 - they need torch
from pipelines.lib.scoring.merge_adapter import adapted_weights, merge_adapter  # noqa: E402
from pipelines.lib.scoring.one_token_model import load_base  # noqa: E402
from pipelines.lib.training.adapt import adapt  # noqa: E402
from pipelines.lib.training.recipe import Recipe  # noqa: E402

Recipes = Callable[..., Recipe]


def an_adapter(base: Path, folder: Path, recipe: Recipe, **config: Any) -> Any:
    """Writes an adapter whose product is not zero, and returns the model that has it."""
    model = adapt(load_base(base, recipe.dtype), [1, 2], recipe).causal_lm
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder, save_embedding_layers=False)
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **config}), "utf-8")
    return model


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("first_layer", [0, 2])
def test_the_weights_are_the_ones_that_peft_merges(
    tiny_base: Path, tiny_recipe: Recipes, tmp_path: Path, dtype: str, first_layer: int
) -> None:
    model = an_adapter(tiny_base, tmp_path, tiny_recipe(dtype=dtype, first_layer=first_layer))
    ours = load_base(tiny_base, dtype)
    merge_adapter(ours, tmp_path)
    theirs = model.merge_and_unload().state_dict()
    assert len(adapted_weights(tmp_path)) == 3 * (3 - first_layer)
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.state_dict().items())


@pytest.mark.parametrize(
    ("config", "says"),
    [({"use_dora": True}, "no plain LoRA"), ({"alpha_pattern": {"q_proj": 2}}, "no plain LoRA")],
)
def test_an_adapter_that_would_be_merged_wrongly_is_refused(
    tiny_base: Path, tiny_recipe: Recipes, tmp_path: Path, config: dict[str, Any], says: str
) -> None:
    an_adapter(tiny_base, tmp_path, tiny_recipe(), **config)
    with pytest.raises(BaseModelError, match=says):
        merge_adapter(load_base(tiny_base, "float32"), tmp_path)


def test_an_adapter_of_another_base_is_refused(tiny_base: Path, tiny_recipe: Recipes, tmp_path: Path) -> None:
    an_adapter(tiny_base, tmp_path, tiny_recipe())
    other = load_base(tiny_base, "float32")
    del other.model.layers[2]
    with pytest.raises(BaseModelError, match="does not fit the base"):
        merge_adapter(other, tmp_path)


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_half_an_adapter_is_refused_by_name(
    tiny_base: Path, tiny_recipe: Recipes, tmp_path: Path, missing: str
) -> None:
    an_adapter(tiny_base, tmp_path, tiny_recipe())
    (tmp_path / missing).unlink()
    with pytest.raises(BaseModelError, match=missing):
        merge_adapter(load_base(tiny_base, "float32"), tmp_path)


def test_answering_needs_no_peft() -> None:
    code = "import sys, pipelines.lib.scoring.score; sys.exit('peft' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4], timeout=100)
