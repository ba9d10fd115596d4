"""What a trained folder holds, and what it says about itself. Reading that needs no torch."""

from pathlib import Path

import msgspec

from pipelines.lib.scoring.model_input_error import ModelInputError

ADAPTER = "adapter"
LABEL_TOKENS = "label_tokens.json"
HEAD = "embedding_head.safetensors"
CALIBRATION = "calibration.json"
ORIGIN = "origin.json"


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a trained folder was made of; what does not fit it refuses to load.

    Attributes:
        recipe: name of the recipe.
        base: the recipe's base model.
        base_sha256: hash of its weights.
        embedder_sha256: hash of the embedder's weights.
        dtype: number format of the base.
        prompt: version of the prompt.
        edition: edition of the taxonomy.
        taxonomy_sha256: hash of that edition.
        dataset_sha256: hash of the rows of the data set.
        run: hash of everything that decided the training.
        vendors: ids of the vendors whose rows were learnt from, in alphabetical order.
    """

    recipe: str
    base: str
    base_sha256: str
    embedder_sha256: str
    dtype: str
    prompt: str
    edition: str
    taxonomy_sha256: str
    dataset_sha256: str
    run: str
    vendors: tuple[str, ...]


class MismatchError(ModelInputError):
    """The parts of a trained folder do not belong together, or not to this edition, base or prompt."""


def load_origin(folder: Path) -> Origin:
    """Reads what a trained folder was made of.

    Raises:
        MismatchError: the folder holds no trained model, or one of another format.
    """
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
    except (OSError, msgspec.DecodeError) as error:
        raise MismatchError(f"{folder} holds no trained model: {error}") from error
