from dagster import AssetSelection, define_asset_job, in_process_executor

from pipelines.defs.rag_index.assets import (
    knowledge_chunks,
    knowledge_embeddings,
    knowledge_index,
    knowledge_sources,
    searched_index,
    texts,
)

knowledge_texts_job = define_asset_job(
    "knowledge_texts_job",
    selection=AssetSelection.assets(knowledge_sources, knowledge_chunks, knowledge_embeddings),
    partitions_def=texts,
    description="Reads an official text, cuts it into checked chunks and embeds them.",
    executor_def=in_process_executor,
    tags={"concept": "rag_index"},
)

knowledge_index_job = define_asset_job(
    "knowledge_index_job",
    selection=AssetSelection.assets(knowledge_index, searched_index),
    description="Builds a version of the shared index, measures it against the one in use, and switches.",
    executor_def=in_process_executor,
    tags={"concept": "rag_index"},
)
