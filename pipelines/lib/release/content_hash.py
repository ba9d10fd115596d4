import hashlib
from pathlib import Path


def content_sha256(folder: Path) -> str:
    """Returns SHA-256 (hex) over the names and contents of all files below a folder.

    It says whether a release is the one that was registered: a byte more, less or different anywhere, the
    evaluation and the model card included, gives another hash.
    """
    digest = hashlib.sha256()
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    for name, path in files:
        with path.open("rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
