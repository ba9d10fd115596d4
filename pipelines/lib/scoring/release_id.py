import hashlib
from pathlib import Path

from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.lib.scoring.trained_folder import ADAPTER, CALIBRATION, HEAD, LABEL_TOKENS, ORIGIN

DECIDING = (
    f"{ADAPTER}/adapter_config.json",
    f"{ADAPTER}/adapter_model.safetensors",
    LABEL_TOKENS,
    HEAD,
    CALIBRATION,
    ORIGIN,
)
"""The files of a release that decide its answers; reports, plots and the card do not."""
_DIGITS = 12


def release_id(folder: Path) -> str:
    """Returns the id of a release: the start of SHA-256 (hex) over the files that decide its answers.

    Raises:
        ModelInputError: one of them is missing.
    """
    digest = hashlib.sha256()
    for name in DECIDING:
        try:
            with (folder / name).open("rb") as file:
                digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise ModelInputError(f"{folder} is no release: {name} cannot be read") from error
    return digest.hexdigest()[:_DIGITS]
