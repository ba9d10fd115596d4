"""Everything that Dagster knows of, by concept. `workspace.yaml` names this module."""

from dagster import Definitions

from pipelines.defs.finetuning.assets import mapping_examples
from pipelines.defs.finetuning.checks import mapping_examples_checks
from pipelines.defs.finetuning.jobs import dataset_job
from pipelines.defs.finetuning.resources import PipelineSettings

defs = Definitions(
    assets=[mapping_examples],
    asset_checks=[mapping_examples_checks],
    jobs=[dataset_job],
    resources={"pipeline_settings": PipelineSettings()},
)
