"""The write-once archive: what is deleted and must stay, without what leads to a person or a request."""

import gzip
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

_FILE_MODE = 0o444

PERSONAL = ("subject_hash", "request_id", "digest")
"""Columns that never enter the archive: nothing could be erased from it again."""


class ArchiveError(Exception):
    """The archive did not take what it was given; nothing is deleted then."""


@dataclass(frozen=True, slots=True)
class Archived:
    """One file of the archive; `sha256` is of its bytes, in hex."""

    name: str
    sha256: str


class Archive(Protocol):
    """Keeps files for good."""

    def keep(self, name: str, content: bytes) -> None:
        """Write a file that nobody can change; the same again is no fault.

        Raises:
            ArchiveError: it is not kept, or another content has the name.
        """
        ...


class FolderArchive:
    """A folder on this machine, in which nothing is ever opened for writing twice.

    Its files can be read and not written. Who owns the folder could still remove them: what an auditor
    must be sure of belongs on storage with object lock.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, name: str, content: bytes) -> None:
        """Write a file that nobody can change; the same again is no fault."""
        path = self._root / name
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.chmod(_FILE_MODE)
            try:
                os.link(draft, path)  # fails where the name is taken, unlike a rename
            except FileExistsError:
                if path.read_bytes() != content:
                    raise ArchiveError(f"{path} is in the archive already, with another content") from None
            finally:
                draft.unlink()
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise ArchiveError(f"{path} cannot be written: {error.strerror}") from error


def write_batch(
    archive: Archive, place: str, header: Mapping[str, object], rows: Iterable[bytes]
) -> Archived:
    """Write rows as gzipped JSON lines behind a line that says what they are.

    The name holds the hash of the content, so the same batch after a crash is the same file.

    Args:
        archive: takes the file.
        place: folder in the archive.
        header: first line.
        rows: further lines, JSON objects.
    """
    lines = b"\n".join([msgspec.json.encode(header, order="sorted"), *rows, b""])
    content = gzip.compress(lines, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{place}/{digest[:32]}.jsonl.gz"
    archive.keep(name, content)
    return Archived(name, digest)
