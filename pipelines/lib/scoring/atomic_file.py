"""Files and folders that are there whole or not at all, whatever kills the process."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file; a reader sees the old content or the new one, and a crash leaves one of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Gives a folder to write into that takes the place of the target when the block ends without an error.

    What the target held before is gone then. Between the two renames there is no target for an instant; a
    crash there leaves the new folder beside it under a name that begins with a dot.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield draft
        for path in draft.rglob("*"):
            if path.is_file():
                _sync(path)
        draft.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
            target.replace(old / target.name)
            draft.replace(target)
            shutil.rmtree(old)
        else:
            draft.replace(target)
    finally:
        if draft.exists():
            shutil.rmtree(draft)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
