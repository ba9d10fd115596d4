import asyncio
import os
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    DagsterInstance,
    Failure,
    MarkdownMetadataValue,
    MaterializeResult,
    MetadataValue,
    StaticPartitionsDefinition,
    asset,
)

from analysis_svc.adapters.knowledge.minilm import MiniLm
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from pipelines.defs.rag_index.resources import KnowledgeSettings
from pipelines.lib.rag_index.build_index import ACTOR, build_candidate, compare, index_tools
from pipelines.lib.rag_index.chunk_checks import check_chunks
from pipelines.lib.rag_index.chunk_files import chunk_file, make_chunks
from pipelines.lib.rag_index.embedding_files import make_embeddings
from pipelines.lib.rag_index.source_files import take_source
from pipelines.lib.rag_index.sources import read_sources

GROUP = "rag_index"
OWNERS = ["team:knowledge"]
SOURCES = read_sources()
texts = StaticPartitionsDefinition(sorted(SOURCES))
_SHOWN = 5
_NOT_WORSE = "retrieval_is_not_worse"
_FIGURES = "new"
T = TypeVar("T")


@asset(group_name=GROUP, owners=OWNERS, kinds={"python", "json"}, partitions_def=texts)
def knowledge_sources(
    context: AssetExecutionContext, knowledge_settings: KnowledgeSettings
) -> MaterializeResult[None]:
    """One official text, read into its sections: each article, paragraph or control under its name."""
    source = SOURCES[context.partition_key]
    sections = take_source(source, knowledge_settings.texts(), knowledge_settings.made())
    return MaterializeResult(
        metadata={"dagster/row_count": len(sections), "file": source.file, "edition": source.edition}
    )


@asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "json"},
    partitions_def=texts,
    deps=[knowledge_sources],
    check_specs=[
        AssetCheckSpec(
            "chunks_are_sound",
            asset="knowledge_chunks",
            blocking=True,
            description="Chunks are in order, short enough, named, and do not repeat one another.",
        )
    ],
)
def knowledge_chunks(
    context: AssetExecutionContext, knowledge_settings: KnowledgeSettings
) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it without its argument only
    """One official text, cut along its own structure.

    Held to a suite of Great Expectations; chunks that do not pass are neither embedded nor indexed.
    """
    key, made = context.partition_key, knowledge_settings.made()
    chunks = make_chunks(key, made)
    check = check_chunks(chunks)
    if not check.passed:
        chunk_file(key, made).unlink()
    return MaterializeResult(
        metadata={
            "dagster/row_count": len(chunks),
            "some places": MetadataValue.md(
                "\n".join(f"- {one.ref_id}: {one.text[:80]}" for one in chunks[:_SHOWN])
            ),
        },
        check_results=[
            AssetCheckResult(
                check_name="chunks_are_sound",
                passed=check.passed,
                metadata={"expectations": check.expected, "failures": _lines(check.failures)},
            )
        ],
    )


@asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"onnx", "numpy"},
    partitions_def=texts,
    deps=[knowledge_chunks],
    check_specs=[
        AssetCheckSpec(
            "embeddings_are_sound",
            asset="knowledge_embeddings",
            blocking=True,
            description="Each chunk has a vector of unit length, and no two texts have the same one.",
        )
    ],
)
def knowledge_embeddings(
    context: AssetExecutionContext, knowledge_settings: KnowledgeSettings
) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it without its argument only
    """The chunks of one text as vectors of the model that questions are embedded with."""
    embedder = MiniLm(os.cpu_count() or 1)
    try:
        made = _run(make_embeddings(context.partition_key, knowledge_settings.made(), embedder))
    finally:
        embedder.close()
    return MaterializeResult(
        metadata={"dagster/row_count": made.rows, "embedder": embedder.name},
        check_results=[
            AssetCheckResult(
                check_name="embeddings_are_sound",
                passed=not made.faults,
                metadata={"failures": _lines(made.faults[:_SHOWN])},
            )
        ],
    )


@asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    deps=[knowledge_embeddings],
    check_specs=[
        AssetCheckSpec(
            _NOT_WORSE,
            asset="knowledge_index",
            blocking=True,
            description="Questions were asked, and no figure is lower than that of the version in use.",
        )
    ],
)
def knowledge_index(knowledge_settings: KnowledgeSettings) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it without its argument only
    """A new version of the shared index beside the one that is searched, measured against it.

    The version in use stays until `searched_index` switches; a version that finds judged places worse is
    blocked and can be looked at, not searched.
    """
    sources = list(SOURCES.values())

    async def build() -> tuple[int, Any]:
        async with index_tools(knowledge_settings.database_url(), threads=os.cpu_count() or 1) as tools:
            candidate = await build_candidate(tools, sources, knowledge_settings.made())
            return candidate, await compare(tools, sources, knowledge_settings.texts(), candidate)

    candidate, comparison = _run(build())
    return MaterializeResult(
        metadata={"version": candidate},
        check_results=[
            AssetCheckResult(
                check_name=_NOT_WORSE,
                passed=comparison.objection is None,
                description=comparison.objection,
                metadata={
                    "in use": MetadataValue.json(dict(comparison.active)),
                    _FIGURES: MetadataValue.json(dict(comparison.candidate)),
                },
            )
        ],
    )


@asset(group_name=GROUP, owners=OWNERS, kinds={"postgres"}, deps=[knowledge_index])
def searched_index(
    context: AssetExecutionContext, knowledge_settings: KnowledgeSettings
) -> MaterializeResult[None]:
    """The version that questions are answered from: switched in one row, back in one more."""
    version, figures = version_that_passed(context.instance)

    async def switch() -> int:
        async with index_tools(knowledge_settings.database_url(), threads=1) as tools:
            active, _ = await tools.repository.versions(OPERATOR_TENANT_ID, limit=1)
            if active != version:
                found = await tools.repository.switch(
                    OPERATOR_TENANT_ID, version, actor=ACTOR, evaluation=figures
                )
                if found is None:
                    raise Failure(f"the index has no version {version}")
            return active

    before = _run(switch())
    return MaterializeResult(metadata={"version": version, "before": before})


def version_that_passed(instance: DagsterInstance) -> tuple[int, dict[str, float]]:
    """Return the version that was built last, with its retrieval figures.

    Dagster blocks what follows a failed check in the same run only; an asset that is materialised by itself
    has to look.

    Raises:
        Failure: none was built, or its check did not pass.
    """
    made = instance.get_latest_materialization_event(knowledge_index.key)
    version = (
        made.asset_materialization.metadata["version"].value if made and made.asset_materialization else 0
    )
    if made is None or not isinstance(version, int) or version < 1:
        raise Failure("there is no version to switch to: materialise knowledge_index first")
    record = instance.get_latest_asset_check_evaluation_record(AssetCheckKey(knowledge_index.key, _NOT_WORSE))
    evaluation = record.evaluation if record and record.run_id == made.run_id else None
    if evaluation is None or not evaluation.passed:
        raise Failure(f"version {version} did not pass {_NOT_WORSE}: it can be looked at, not searched")
    figures = evaluation.metadata[_FIGURES].value
    return version, figures if isinstance(figures, dict) else {}


def _lines(failures: Sequence[str]) -> MarkdownMetadataValue:
    return MetadataValue.md("\n".join(f"- {one}" for one in failures) or "none")


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
