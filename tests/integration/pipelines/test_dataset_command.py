"""The data set made from the real files, without Dagster."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.__main__ import main
from pipelines.lib.build_dataset import Dataset, DatasetSources, build_dataset
from pipelines.lib.coverage_plot import label_coverage_png
from pipelines.lib.dataset_folder import current_folder, read_examples
from pipelines.lib.example import Split
from pipelines.lib.normalise import duplicate_key
from pipelines.lib.read_free_form import read_free_form


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return build_dataset(DatasetSources())


def test_equal_sources_give_an_equal_data_set(dataset: Dataset, tmp_path: Path) -> None:
    copies = tmp_path / "phrasings"
    shutil.copytree(DatasetSources().phrasings, copies)
    again = build_dataset(replace(DatasetSources(), phrasings=copies))
    assert again.manifest == dataset.manifest
    assert again.examples == dataset.examples


def test_one_more_row_is_another_version(dataset: Dataset, feedback_folder: Callable[..., Path]) -> None:
    more = build_dataset(replace(DatasetSources(), feedback=feedback_folder("umpteenth private matter")))
    assert more.manifest.content_sha256 != dataset.manifest.content_sha256
    assert more.manifest.counts["source"]["feedback"] == 1
    assert more.manifest.sources["feedback"] != dataset.manifest.sources["feedback"]


def test_the_same_words_in_another_order_are_the_same_version(dataset: Dataset, tmp_path: Path) -> None:
    for path in DatasetSources().phrasings.glob("*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        (tmp_path / path.name).write_text("".join(reversed(lines)))
    again = build_dataset(replace(DatasetSources(), phrasings=tmp_path))
    assert again.manifest.content_sha256 == dataset.manifest.content_sha256


def test_no_row_to_learn_from_is_in_the_free_form_set(dataset: Dataset) -> None:
    asked = {duplicate_key(case.raw) for case in read_free_form(DatasetSources().free_form)}
    assert not [row for row in dataset.examples if duplicate_key(row.raw) in asked and row.split != "heldout"]


def test_the_counts_of_the_manifest_add_up(dataset: Dataset) -> None:
    manifest = dataset.manifest
    for counts in manifest.counts.values():
        assert sum(counts.values()) == manifest.rows == len(dataset.examples)
    not_read = sum(rows for reason, rows in manifest.removed.items() if reason.startswith("feedback_"))
    assert manifest.rows == sum(manifest.read.values()) - sum(manifest.removed.values()) + not_read


def test_the_plot_is_a_png_that_fits_dagsters_window(dataset: Dataset) -> None:
    image = label_coverage_png(dataset.examples, dataset.labels)
    assert image.startswith(b"\x89PNG")
    assert int.from_bytes(image[16:20], "big") <= 1100


@pytest.mark.slow
def test_the_command_makes_checks_and_publishes(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["dataset", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "passed  held_out_size" in result.output
    assert read_examples(current_folder(tmp_path), Split.TRAIN)


@pytest.mark.slow
def test_the_command_shows_the_failed_check_and_exits_1(
    tmp_path: Path, feedback_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINES_FEEDBACK", str(feedback_folder("card 4111 1111 1111 1111 leaked")))
    result = CliRunner().invoke(main, ["dataset", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "FAILED  no_personal_data" in result.output
    assert "4111" not in result.output
    assert not (tmp_path / "mapping_examples" / "current.json").exists()


def test_a_fault_in_a_source_is_one_line_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rows.jsonl").write_text("{}\n")
    monkeypatch.setenv("PIPELINES_FEEDBACK", str(tmp_path))
    result = CliRunner().invoke(main, ["dataset", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "rows.jsonl:1:" in result.output
