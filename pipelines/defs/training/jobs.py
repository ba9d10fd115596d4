from dagster import AssetSelection, define_asset_job, in_process_executor

from pipelines.defs.training.assets import lora_adapter, recipes

train_job = define_asset_job(
    "train_job",
    selection=AssetSelection.assets(lora_adapter),
    description="Trains the model of one recipe on the current data set.",
    partitions_def=recipes,
    # The training takes every core itself.
    executor_def=in_process_executor,
    tags={"concept": "model"},
)
