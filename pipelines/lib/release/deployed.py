"""What is deployed: a folder for each recipe that whoever serves the model watches."""

# <root>/deployed/<recipe>/<release id>/       a release, whole
#                          current.json        which one to serve
#                          manifests/          the same for Kubernetes, where that is the target

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.registered_version import RegisteredVersion, Registry, Tag
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.scoring.atomic_file import atomic_folder, write_atomically

ORIGIN = "origin.json"
"""What every release has, and no other folder."""

_FOLDER = "deployed"
_POINTER = "current.json"
_KEPT = 4
"""Releases that stay on disk: the current one and three to go back to."""


class Current(msgspec.Struct, frozen=True):
    """What is to be served.

    Attributes:
        release: folder of the release, from the folder of this file.
        version: the release's id.
        model: name of the registered model.
        number: number of its version.
        content_sha256: hash of all files of the release.
        bento: tag of the Bento.
        at: when it was deployed, UTC.
    """

    release: str
    version: str
    model: str
    number: int
    content_sha256: str
    bento: str
    at: datetime


def deployed_folder(data_root: Path, recipe: str) -> Path:
    """Returns the folder of what is deployed of a recipe."""
    return data_root / _FOLDER / recipe


def fetch_release(registry: Registry, version: RegisteredVersion, data_root: Path) -> Path:
    """Returns the folder of an approved release, fetched from the registry if it is not there whole.

    Raises:
        ReleaseError: what the registry holds is not what was registered.
    """
    release, content = version.tag(Tag.RELEASE), version.tag(Tag.CONTENT)
    target = deployed_folder(data_root, version.recipe) / release
    if target.is_dir() and content_sha256(target) == content:
        return target
    with atomic_folder(target) as draft:
        registry.fetch(version, draft / "fetched")
        if content_sha256(draft / "fetched") != content:
            raise ReleaseError(f"the files of {version.name} are not those that were registered")
        for path in (draft / "fetched").iterdir():
            path.rename(draft / path.name)
        (draft / "fetched").rmdir()
    return target


def point_at(version: RegisteredVersion, data_root: Path) -> Current:
    """Names the release that is to be served, whole or not at all, and removes the oldest ones."""
    folder = deployed_folder(data_root, version.recipe)
    current = Current(
        release=version.tag(Tag.RELEASE),
        version=version.tag(Tag.RELEASE),
        model=version.model,
        number=version.number,
        content_sha256=version.tag(Tag.CONTENT),
        bento=version.tag(Tag.BENTO),
        at=datetime.now(UTC),
    )
    write_atomically(folder / _POINTER, msgspec.json.format(msgspec.json.encode(current), indent=1) + b"\n")
    _remove_oldest(folder, current.release)
    return current


def current_release(data_root: Path, recipe: str) -> Current | None:
    """Returns what is to be served of a recipe; None when nothing was deployed yet.

    Raises:
        ReleaseError: the file says something else.
    """
    path = deployed_folder(data_root, recipe) / _POINTER
    try:
        return msgspec.json.decode(path.read_bytes(), type=Current)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{path} names no release: {error}") from error


def _remove_oldest(folder: Path, current: str) -> None:
    releases = [path for path in folder.iterdir() if (path / ORIGIN).is_file() and path.name[0] != "."]
    (folder / current).touch()
    for path in sorted(releases, key=lambda one: one.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(path)
