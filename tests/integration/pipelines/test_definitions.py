from collections.abc import Iterator
from pathlib import Path

import yaml
from dagster import AssetKey, AssetSpec
from dagster._core.definitions.asset_checks.asset_check_spec import AssetCheckSpec

from pipelines.definitions import defs
from pipelines.defs.quality.assets import ALERTS

SNAPSHOT = Path(__file__).parent / "asset_graph.txt"
REPOSITORY = defs.get_repository_def()


def specs() -> dict[AssetKey, AssetSpec]:
    return {spec.key: spec for one in REPOSITORY.assets_defs_by_key.values() for spec in one.specs}


def check_specs() -> Iterator[AssetCheckSpec]:
    # Some checks stand on their own, others are done in the step of their asset.
    owners = {*REPOSITORY.asset_checks_defs_by_key.values(), *REPOSITORY.assets_defs_by_key.values()}
    for owner in owners:
        yield from owner.check_specs


def test_assets_checks_and_jobs_are_those_written_down() -> None:
    found = [f"asset {key.to_user_string()}" for key in specs()]
    found += {f"check {check.asset_key.to_user_string()}:{check.name}" for check in check_specs()}
    found += [f"job {job.name}" for job in REPOSITORY.get_all_jobs() if not job.name.startswith("__")]
    assert sorted(found) == SNAPSHOT.read_text().splitlines()


def test_every_asset_has_an_owner_a_kind_a_group_and_a_description() -> None:
    for key, spec in specs().items():
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name not in {None, "default"}, key
        assert spec.description, key


def test_every_check_blocks_and_says_what_it_holds_to() -> None:
    for check in check_specs():
        # Nothing is made from the week's figures that an alert could hold up.
        assert check.blocking is (check.name != ALERTS), check.name
        assert check.description, check.name


def test_the_workspace_names_the_module_of_the_definitions() -> None:
    workspace = yaml.safe_load((SNAPSHOT.parents[3] / "workspace.yaml").read_text())
    modules = [one["python_module"]["module_name"] for one in workspace["load_from"]]
    assert modules == ["pipelines.definitions"]


def test_a_candidate_begins_with_a_data_set_that_is_held_to_its_checks() -> None:
    job = defs.get_repository_def().get_job("candidate_job")
    taken = job.asset_layer.selected_asset_keys
    assert AssetKey("mapping_examples") in taken
    checks = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
    assert {
        check.name for check in check_specs() if check.asset_key == AssetKey("mapping_examples")
    } <= checks
