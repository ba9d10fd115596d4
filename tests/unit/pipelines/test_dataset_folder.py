import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.lib.build_dataset import Dataset, Manifest, content_hash
from pipelines.lib.dataset_folder import (
    DatasetFaultError,
    current_folder,
    made_folder,
    publish,
    read_examples,
    read_manifest,
    write_dataset,
)
from pipelines.lib.example import COLUMNS, Candidate, Example, Source, Split

Make = Callable[..., Candidate]


@pytest.fixture
def dataset(candidate: Make) -> Dataset:
    rows = [
        Example.of(candidate("e-mail"), ambiguous=False),
        Example.of(candidate("correo electrónico", lang="es", split=Split.VALIDATION), ambiguous=False),
        Example.of(candidate("token"), ambiguous=True),
        Example.of(candidate("S1", source=Source.VENDOR, split=Split.HELDOUT, opaque=True), ambiguous=False),
    ]
    examples = tuple(sorted(rows, key=lambda one: one.id))
    manifest = Manifest(content_hash(examples), "2026.11", "", len(rows), {}, {}, {}, {}, {}, {}, {})
    return Dataset(examples, manifest, ("PII.Contact.Email",), (), ())


def test_rows_come_back_as_they_were_written(tmp_path: Path, dataset: Dataset) -> None:
    folder = write_dataset(tmp_path, dataset, {"plot.png": b"png"})
    assert read_examples(folder, opaque=True) == dataset.examples
    assert read_manifest(folder) == dataset.manifest
    assert (folder / "plot.png").read_bytes() == b"png"
    assert tuple(pq.read_schema(folder / "examples.parquet").names) == COLUMNS


def test_a_side_is_read_without_the_others_and_without_opaque_rows(tmp_path: Path, dataset: Dataset) -> None:
    folder = write_dataset(tmp_path, dataset, {})
    assert {row.raw for row in read_examples(folder, Split.TRAIN)} == {"e-mail", "token"}
    assert {row.raw for row in read_examples(folder, Split.TRAIN, ambiguous=False)} == {"e-mail"}
    assert read_examples(folder, Split.HELDOUT) == ()
    assert len(read_examples(folder, Split.HELDOUT, opaque=True)) == 1


def test_a_version_is_named_by_its_rows_and_written_twice_without_harm(
    tmp_path: Path, dataset: Dataset
) -> None:
    folders = {write_dataset(tmp_path, dataset, {}) for _ in range(2)}
    assert [folder.name for folder in folders] == [dataset.manifest.content_sha256[:16]]
    assert not list((tmp_path / "mapping_examples").glob(".making-*"))


def test_what_was_made_is_not_current_until_it_is_published(tmp_path: Path, dataset: Dataset) -> None:
    folder = write_dataset(tmp_path, dataset, {})
    assert made_folder(tmp_path) == folder
    with pytest.raises(DatasetFaultError, match="make the data set first"):
        current_folder(tmp_path)
    publish(tmp_path, folder.name)
    assert current_folder(tmp_path) == folder


def test_a_version_that_does_not_exist_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(DatasetFaultError, match="holds no data set"):
        publish(tmp_path, "0" * 16)


def test_rows_that_are_not_those_of_the_manifest_are_refused(tmp_path: Path, dataset: Dataset) -> None:
    folder = write_dataset(tmp_path, dataset, {})
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"content_sha256": "0" * 64}))
    with pytest.raises(DatasetFaultError, match="not those that the manifest names"):
        read_examples(folder)


@pytest.mark.parametrize("content", [None, b"", b"not parquet"])
def test_broken_rows_are_a_clear_error(tmp_path: Path, dataset: Dataset, content: bytes | None) -> None:
    folder = write_dataset(tmp_path, dataset, {})
    (folder / "examples.parquet").unlink()
    if content is not None:
        (folder / "examples.parquet").write_bytes(content)
    with pytest.raises(DatasetFaultError, match="cannot be read"):
        read_examples(folder)


def test_a_failed_write_leaves_nothing_half_made(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(FileNotFoundError):
        write_dataset(tmp_path, dataset, {"no/such/folder": b""})
    assert list((tmp_path / "mapping_examples").iterdir()) == []


def test_the_hash_is_of_the_rows_and_not_of_their_order(dataset: Dataset) -> None:
    assert content_hash(reversed(dataset.examples)) == dataset.manifest.content_sha256
    assert content_hash(dataset.examples[1:]) != dataset.manifest.content_sha256
