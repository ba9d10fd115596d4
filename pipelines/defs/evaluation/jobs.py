from dagster import AssetSelection, define_asset_job, in_process_executor

from pipelines.defs.evaluation.assets import evaluation_report
from pipelines.defs.training.assets import recipes

evaluate_job = define_asset_job(
    "evaluate_job",
    selection=AssetSelection.assets(evaluation_report),
    description="Measures the trained model of one recipe and holds it to the gates.",
    partitions_def=recipes,
    # One step, which loads the model itself.
    executor_def=in_process_executor,
    tags={"concept": "evaluation"},
)
