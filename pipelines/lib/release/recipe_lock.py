"""One build and deployment of a recipe at a time, whoever asks for it: a person's command or Dagster."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.lib.release.deployed import deployed_folder

_LOCK = ".lock"


@contextmanager
def alone_with(recipe: str, data_root: Path) -> Iterator[None]:
    """Waits until nobody else builds or deploys the recipe, and keeps others waiting for the block.

    The kernel lets go of it when its holder dies, however it dies.
    """
    folder = deployed_folder(data_root, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
