from collections.abc import Iterator
from pathlib import Path

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.defs.finetuning.assets import mapping_examples
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.lib.dataset_checks import CHECKS
from pipelines.lib.dataset_folder import made_folder, publish, read_examples, read_manifest
from pipelines.lib.run_checks import CheckOutcome, run_checks


@multi_asset_check(
    name="mapping_examples_checks",
    specs=[
        AssetCheckSpec(check.name, asset=mapping_examples, description=check.description, blocking=True)
        for check in CHECKS
    ],
    can_subset=True,
)
def mapping_examples_checks(
    context: AssetCheckExecutionContext, pipeline_settings: PipelineSettings
) -> Iterator[AssetCheckResult]:
    """Holds the data set that was made last to its suites; only one that passes them all becomes current."""
    selected = {key.name for key in context.selected_asset_check_keys}
    checks = [check for check in CHECKS if check.name in selected]
    root = Path(pipeline_settings.read().data_root)
    folder = made_folder(root)
    labels = tuple(load_taxonomy(read_manifest(folder).edition).labels)
    passed = 0
    for outcome in run_checks(read_examples(folder, opaque=True), labels, checks):
        passed += outcome.passed
        yield _result(outcome, folder.name)
    if passed == len(CHECKS):
        publish(root, folder.name)
        context.log.info("%s is the current data set", folder.name)


def _result(outcome: CheckOutcome, version: str) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=mapping_examples.key,
        check_name=outcome.check.name,
        passed=outcome.passed,
        description="; ".join(outcome.failures) or None,
        metadata={
            "version": version,
            "expectations": outcome.expected,
            "expectations not met": outcome.expected - outcome.met,
            "failures": MetadataValue.md("\n".join(f"- {one}" for one in outcome.failures) or "none"),
            "great expectations": MetadataValue.json(outcome.result),
        },
    )
