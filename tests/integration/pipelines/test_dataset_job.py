"""The job as Dagster runs it, in this process and on a throw-away instance."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetSelection,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    TableMetadataValue,
    define_asset_job,
)

from pipelines.definitions import defs
from pipelines.lib.dataset_checks import CHECKS
from pipelines.lib.dataset_folder import DatasetFaultError, current_folder, made_folder
from pipelines.make_dataset import make_dataset
from pipelines.settings import Settings

pytestmark = pytest.mark.slow
KEY = AssetKey("mapping_examples")


def settings(root: Path, **others: str) -> dict[str, object]:
    return {"resources": {"pipeline_settings": {"config": {"data_root": str(root), **others}}}}


def run(root: Path, **others: str) -> ExecuteInProcessResult:
    with DagsterInstance.ephemeral() as instance:
        return defs.resolve_job_def("dataset_job").execute_in_process(
            run_config=settings(root, **others),
            instance=instance,
            raise_on_error=False,
        )


def test_the_job_makes_checks_and_publishes_the_data_set(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.success
    outcomes = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert outcomes == {check.name: True for check in CHECKS}
    (materialised,) = result.asset_materializations_for_node("mapping_examples")
    folder = current_folder(tmp_path)
    assert materialised.metadata["version"].value == folder.name
    rows = pq.read_metadata(folder / "examples.parquet").num_rows
    assert materialised.metadata["dagster/row_count"].value == rows
    assert "data:image/png;base64," in str(materialised.metadata["label coverage"].value)
    preview = materialised.metadata["some rows"]
    assert isinstance(preview, TableMetadataValue)
    assert len(preview.records) == 25


def test_a_failed_check_stops_the_run_and_nothing_becomes_current(
    tmp_path: Path, feedback_folder: Callable[..., Path]
) -> None:
    result = run(tmp_path, feedback=str(feedback_folder("seen jane@example.com in prompt")))
    assert not result.success
    failed = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert [one.asset_check_key for one in failed] == [AssetCheckKey(KEY, "no_personal_data")]
    suite = failed[0].metadata["great expectations"].value
    assert suite["statistics"]["unsuccessful_expectations"] == 1  # type: ignore[call-overload,index]
    assert "jane" not in json.dumps(suite)
    assert made_folder(tmp_path).is_dir()
    with pytest.raises(DatasetFaultError):
        current_folder(tmp_path)


def test_one_check_alone_publishes_nothing(tmp_path: Path) -> None:
    make_dataset(Settings(data_root=str(tmp_path)), lambda _: None)
    alone = define_asset_job("alone", AssetSelection.checks(AssetCheckKey(KEY, "length")))
    with DagsterInstance.ephemeral() as instance:
        result = (
            Definitions.merge(defs, Definitions(jobs=[alone]))
            .resolve_job_def("alone")
            .execute_in_process(run_config=settings(tmp_path), instance=instance)
        )
    assert [one.check_name for one in result.get_asset_check_evaluations()] == ["length"]
    with pytest.raises(DatasetFaultError):
        current_folder(tmp_path)
