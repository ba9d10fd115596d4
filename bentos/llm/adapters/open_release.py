"""A release on disk, checked against everything that it must belong to."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bentos.llm.domain.model_version import ModelVersion
from pipelines.lib.scoring.base_model import resolve_base
from pipelines.lib.scoring.edition import edition_of
from pipelines.lib.scoring.embedder import load_embedder
from pipelines.lib.scoring.merge_adapter import ADAPTER_WEIGHTS
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.lib.scoring.release_id import release_id
from pipelines.lib.scoring.score import (
    ADAPTER,
    CALIBRATION,
    TrainedParts,
    load_origin,
    load_parts,
)

_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Release:
    """A release whose parts belong together.

    Attributes:
        folder: where it is.
        base: folder of the base model.
        parts: all of it but the language model.
        version: what it is called on the wire.
    """

    folder: Path
    base: Path
    parts: TrainedParts
    version: ModelVersion

    @property
    def adapter(self) -> Path:
        """Folder of the adapter."""
        return self.folder / ADAPTER


def open_release(
    folder: Path, base: str, data_root: Path, engine: str, say: Callable[[str], None]
) -> Release:
    """Opens a release.

    Args:
        folder: what the training wrote, or the release that was made of it.
        base: `wheel:<distribution>` or a folder, in the place of what the release names; "" to go by that.
        data_root: folder of the base models.
        engine: what will compute the model.
        say: is told each step.

    Raises:
        ModelInputError: something is missing, or does not belong to the rest; names it.
    """
    if not folder.is_dir():
        raise ModelInputError(f"there is no release at {folder}")
    origin = load_origin(folder)
    say(f"release {folder.name}: {origin.recipe}, edition {origin.edition}, base {base or origin.base}")
    weights = resolve_base(base or origin.base, data_root, say)
    parts = load_parts(folder, weights, edition_of(origin), load_embedder())
    version = ModelVersion(
        name=origin.recipe,
        version=release_id(folder),
        adapter=_sha256(folder / ADAPTER / ADAPTER_WEIGHTS),
        base=origin.base,
        taxonomy=origin.edition,
        label_tokens=parts.tokens.sha256[:_DIGITS],
        calibrator=_sha256(folder / CALIBRATION),
        threshold=parts.calibration.threshold,
        engine=engine,
    )
    return Release(folder, weights, parts, version)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
