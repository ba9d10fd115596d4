from pathlib import Path

import msgspec
import pytest

from pipelines.lib.release import deployed
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.deployed import current_release, deployed_folder, fetch_release, point_at
from pipelines.lib.release.registered_version import RegisteredVersion
from pipelines.lib.release.release_error import ReleaseError
from tests.unit.pipelines.release.conftest import FakeRegistry


def version(registry: FakeRegistry) -> RegisteredVersion:
    """Register a version whose folder has what every release has."""
    registry.register()
    number = len(registry.tags)
    (registry.root / str(number) / "origin.json").write_text("{}")
    registry.tags[number]["content_sha256"] = content_sha256(registry.root / str(number))
    registry.tags[number]["bento"] = f"llm:release{number}"
    return registry.version(number)


def test_the_pointer_names_a_folder_that_holds_the_release(registry: FakeRegistry, tmp_path: Path) -> None:
    one = version(registry)
    folder = fetch_release(registry, one, tmp_path)
    point_at(one, tmp_path)
    home = deployed_folder(tmp_path, "tiny")
    pointer = msgspec.json.decode((home / "current.json").read_bytes())
    assert home / pointer["release"] == folder
    assert (pointer["version"], pointer["number"], pointer["bento"]) == ("release1", 1, "llm:release1")
    assert content_sha256(folder) == pointer["content_sha256"]


def test_a_release_that_is_there_whole_is_not_fetched_again(registry: FakeRegistry, tmp_path: Path) -> None:
    one = version(registry)
    first = fetch_release(registry, one, tmp_path).stat().st_ino
    assert fetch_release(registry, one, tmp_path).stat().st_ino == first


def test_a_release_that_was_changed_on_disk_is_fetched_anew(registry: FakeRegistry, tmp_path: Path) -> None:
    one = version(registry)
    folder = fetch_release(registry, one, tmp_path)
    (folder / "weights").write_text("others")
    assert content_sha256(fetch_release(registry, one, tmp_path)) == one.tags["content_sha256"]


def test_what_the_registry_changed_is_not_put_where_it_is_served(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    one = version(registry)
    (registry.root / "1" / "weights").write_text("others")
    with pytest.raises(ReleaseError, match="not those that were registered"):
        fetch_release(registry, one, tmp_path)
    assert list(deployed_folder(tmp_path, "tiny").iterdir()) == []


def test_four_releases_stay_and_the_current_one_is_among_them(registry: FakeRegistry, tmp_path: Path) -> None:
    versions = [version(registry) for _ in range(6)]
    for one in versions:
        fetch_release(registry, one, tmp_path)
        point_at(one, tmp_path)
    fetch_release(registry, versions[0], tmp_path)
    point_at(versions[0], tmp_path)
    kept = {path.name for path in deployed_folder(tmp_path, "tiny").iterdir() if path.is_dir()}
    assert len(kept) == deployed._KEPT
    assert "release1" in kept
    current = current_release(tmp_path, "tiny")
    assert current is not None
    assert current.release == "release1"


def test_before_anything_is_deployed_there_is_no_current_release(tmp_path: Path) -> None:
    assert current_release(tmp_path, "tiny") is None


def test_a_pointer_that_names_nothing_is_an_error_and_not_nothing(tmp_path: Path) -> None:
    home = deployed_folder(tmp_path, "tiny")
    home.mkdir(parents=True)
    (home / "current.json").write_text("{}")
    with pytest.raises(ReleaseError, match="names no release"):
        current_release(tmp_path, "tiny")
