"""Who approved what, when and why: an append-only file of lines, each bound to the one before by its hash."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from pipelines.lib.release.release_error import ReleaseError

_FIRST = "0" * 64


class LogFaultError(ReleaseError):
    """The log of approvals was changed, or cannot be read."""


class Act(StrEnum):
    """What was done."""

    APPROVE = "approve"
    """A person said yes to a version."""
    IN_USE = "in_use"
    """A version became the approved one."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the log.

    Attributes:
        at: when, UTC.
        act: what was done.
        model: name of the registered model.
        version: number of the version.
        release: the release's id, which its answers carry.
        content: hash of everything that was registered.
        by: who.
        reason: why.
        account: the account of the machine on which it was done.
        before: the entry before, by its hash; zeros for the first.
        sha256: hash of this entry without this field.
    """

    at: datetime
    act: Act
    model: str
    version: int
    release: str
    content: str
    by: str
    reason: str
    account: str
    before: str = ""
    sha256: str = ""


class ApprovalLog:
    """The log in one file. Adding to it, or deciding by it, is done inside `held`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps every other process from adding to the log until the block ends."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(f".{self._path.name}.lock")
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def entries(self, model: str | None = None) -> list[Entry]:
        """Returns the entries, the oldest first, of one model or of all.

        A last line without its end is what a kill has left of an entry that nobody was told of: it is
        no entry.

        Raises:
            LogFaultError: a line was changed, removed or put in.
        """
        entries: list[Entry] = []
        before = _FIRST
        for number, line in enumerate(self._lines(), start=1):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError as error:
                raise LogFaultError(f"{self._path}, line {number}: no entry: {error}") from error
            if entry.before != before or entry.sha256 != _hash(entry):
                raise LogFaultError(f"{self._path}, line {number}: it was changed, or one before it was")
            before = entry.sha256
            entries.append(entry)
        return [one for one in entries if model in {None, one.model}]

    def add(self, entry: Entry) -> Entry:
        """Writes an entry, on disk when this returns, and returns it with its hashes.

        Raises:
            LogFaultError: the log is not as it was written.
        """
        entries = self.entries()
        bound = msgspec.structs.replace(entry, before=entries[-1].sha256 if entries else _FIRST)
        bound = msgspec.structs.replace(bound, sha256=_hash(bound))
        whole = sum(len(line) + 1 for line in self._lines())
        with self._path.open("ab") as file:
            if file.tell() > whole:
                file.truncate(whole)
            file.write(msgspec.json.encode(bound) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return bound

    def _lines(self) -> list[bytes]:
        content = self._path.read_bytes() if self._path.exists() else b""
        return content.split(b"\n")[:-1]


def _hash(entry: Entry) -> str:
    bare = msgspec.structs.replace(entry, sha256="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()
