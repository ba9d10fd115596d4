from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.training.recipe import RECIPES_DIR, available_recipes, load_recipe

GOOD = (RECIPES_DIR / "smollm2-135m.yaml").read_text()


def write(folder: Path, text: str) -> None:
    (folder / "smollm2-135m.yaml").write_text(text)


@pytest.mark.parametrize("name", available_recipes())
def test_every_recipe_that_comes_along_loads(name: str) -> None:
    assert load_recipe(name).name == name


def test_there_is_a_recipe_for_a_cpu_and_two_for_gpus() -> None:
    assert available_recipes() == ("llama-3-8b", "phi-3-mini", "smollm2-135m")
    assert load_recipe("smollm2-135m").schedule.learning_rate == 3e-3
    assert load_recipe("llama-3-8b").schedule.learning_rate == 2e-4
    assert load_recipe("llama-3-8b").gradient_checkpointing


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DataFaultError, match="there are llama-3-8b, phi-3-mini, smollm2-135m"):
        load_recipe("gpt-9")


@pytest.mark.parametrize(
    ("before", "after", "line", "key"),
    [
        ("rank: 16", "rank: sixteen", 7, "lora.rank"),
        ("rank: 16", "rank: 0", 7, "lora.rank"),
        ("learning_rate: 0.003", "learning_rate: -1", 12, "schedule.learning_rate"),
        ("dtype: bfloat16", "dtype: int3", 5, "dtype"),
        ("  alpha: 32", "  alpha: 32\n  colour: red", 6, "lora"),
    ],
)
def test_a_fault_names_file_line_and_key(
    tmp_path: Path, before: str, after: str, line: int, key: str
) -> None:
    text = "# The model.\n" + GOOD.partition("\n")[2]
    write(tmp_path, text.replace(before, after))
    with pytest.raises(DataFaultError) as fault:
        load_recipe("smollm2-135m", tmp_path)
    assert fault.value.key == key
    assert (tmp_path / "smollm2-135m.yaml").read_text().splitlines()[fault.value.line - 1].strip()
    assert abs(fault.value.line - line) <= 1


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("  alpha: 32", "  alpha: 32\n  alpha: 64"))
    with pytest.raises(DataFaultError, match="twice"):
        load_recipe("smollm2-135m", tmp_path)


def test_a_recipe_has_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(GOOD)
    with pytest.raises(DataFaultError, match="must be 'other'"):
        load_recipe("other", tmp_path)
