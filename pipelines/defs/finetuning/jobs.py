from dagster import AssetSelection, define_asset_job, in_process_executor

from pipelines.defs.finetuning.assets import mapping_examples

dataset_job = define_asset_job(
    "dataset_job",
    selection=AssetSelection.assets(mapping_examples),
    description="Makes the data set and holds it to its checks.",
    # Two steps of seconds: a process for each would take longer to start than to work.
    executor_def=in_process_executor,
    tags={"concept": "dataset"},
)
