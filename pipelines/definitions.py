"""Everything that Dagster knows of, by concept. `workspace.yaml` names this module."""

from dagster import Definitions

from pipelines.defs.evaluation.assets import evaluation_report
from pipelines.defs.evaluation.jobs import evaluate_job
from pipelines.defs.finetuning.assets import mapping_examples
from pipelines.defs.finetuning.checks import mapping_examples_checks
from pipelines.defs.finetuning.jobs import dataset_job
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.training.assets import lora_adapter
from pipelines.defs.training.jobs import train_job

defs = Definitions(
    assets=[mapping_examples, lora_adapter, evaluation_report],
    asset_checks=[mapping_examples_checks],
    jobs=[dataset_job, train_job, evaluate_job],
    resources={"pipeline_settings": PipelineSettings()},
)
