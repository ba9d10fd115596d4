"""Everything that Dagster knows of, by concept. `workspace.yaml` names this module."""

from dagster import Definitions

from pipelines.defs.evaluation.assets import evaluation_report
from pipelines.defs.evaluation.jobs import evaluate_job
from pipelines.defs.finetuning.assets import mapping_examples
from pipelines.defs.finetuning.checks import mapping_examples_checks
from pipelines.defs.finetuning.jobs import dataset_job
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.quality.assets import reviewed_feedback, weekly_quality
from pipelines.defs.quality.jobs import quality_job, weekly_quality_evaluation
from pipelines.defs.rag_index.assets import (
    knowledge_chunks,
    knowledge_embeddings,
    knowledge_index,
    knowledge_sources,
    searched_index,
)
from pipelines.defs.rag_index.jobs import knowledge_index_job, knowledge_texts_job
from pipelines.defs.rag_index.resources import KnowledgeSettings
from pipelines.defs.release.assets import mapper_bento, mapper_deployment, registered_model
from pipelines.defs.release.jobs import candidate_job, release_job, weekly_evaluation
from pipelines.defs.release.resources import ReleaseSettingsResource
from pipelines.defs.release.sensors import approved_model
from pipelines.defs.retention.assets import (
    analysis_retention,
    mapper_retention,
    orchestration_retention,
    subject_erasure,
)
from pipelines.defs.retention.jobs import erasure_job, erasures_asked_for, nightly_retention, retention_job
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.defs.severity.assets import severity_calibration
from pipelines.defs.training.assets import lora_adapter
from pipelines.defs.training.jobs import train_job

defs = Definitions(
    assets=[
        mapping_examples,
        lora_adapter,
        evaluation_report,
        registered_model,
        mapper_bento,
        mapper_deployment,
        analysis_retention,
        mapper_retention,
        orchestration_retention,
        subject_erasure,
        severity_calibration,
        knowledge_sources,
        knowledge_chunks,
        knowledge_embeddings,
        knowledge_index,
        searched_index,
        weekly_quality,
        reviewed_feedback,
    ],
    asset_checks=[mapping_examples_checks],
    jobs=[
        dataset_job,
        train_job,
        evaluate_job,
        candidate_job,
        release_job,
        retention_job,
        erasure_job,
        knowledge_texts_job,
        knowledge_index_job,
        quality_job,
    ],
    schedules=[weekly_evaluation, nightly_retention, weekly_quality_evaluation],
    sensors=[approved_model, erasures_asked_for],
    resources={
        "pipeline_settings": PipelineSettings(),
        "release_settings": ReleaseSettingsResource(),
        "retention_settings": RetentionSettingsResource(),
        "knowledge_settings": KnowledgeSettings(),
    },
)
