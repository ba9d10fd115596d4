"""Builds a new version of the shared index beside the one in use, measures both, and switches."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.knowledge.knowledge_repository import KnowledgeRepository
from analysis_svc.adapters.knowledge.minilm import MiniLm
from analysis_svc.adapters.knowledge.reading_process import SectionProcess
from analysis_svc.adapters.knowledge.search import KnowledgeSearch
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.knowledge.add import AddKnowledge, NewDocument
from analysis_svc.domain.knowledge.ask import Knowledge
from analysis_svc.domain.knowledge.evaluate import Judged, measure, places
from analysis_svc.domain.knowledge.models import Question
from pipelines.lib.rag_index.chunk_files import chunk_file, read_chunks
from pipelines.lib.rag_index.embedding_files import read_embeddings
from pipelines.lib.rag_index.sources import KnowledgeSource

ACTOR = "pipelines"
TOLERANCE = 0.005
"""How much a figure may fall: the approximate search by meaning answers a little differently each time."""
_TIMEOUT_MS = 300_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """Retrieval figures of two versions, such as "nist-csf mrr".

    Attributes:
        active: of the version in use.
        candidate: of the new one.
        unmeasured: texts whose judged questions were not there to be asked.
    """

    active: Mapping[str, float]
    candidate: Mapping[str, float]
    unmeasured: Sequence[str] = ()

    @property
    def worse(self) -> list[str]:
        """Return the figures that fell by more than TOLERANCE."""
        return [
            name for name, before in self.active.items() if self.candidate.get(name, 0.0) < before - TOLERANCE
        ]

    @property
    def objection(self) -> str | None:
        """Say what speaks against the new version; that nothing was measured does."""
        if self.worse:
            return f"worse: {', '.join(self.worse)}"
        if self.unmeasured:
            return f"not measured, for want of judged questions: {', '.join(self.unmeasured)}"
        return None if self.candidate else "nothing was measured"


@dataclass(frozen=True, slots=True)
class IndexTools:
    """What a run works with; `embedder` is the name of the model that questions are embedded with."""

    embedder: str
    add: AddKnowledge
    repository: KnowledgeRepository
    knowledge: Knowledge


@asynccontextmanager
async def index_tools(url: str, *, threads: int) -> AsyncIterator[IndexTools]:
    """Open the index as the pipeline's role.

    Args:
        url: DSN of analysis_pipeline.
        threads: that embedding may use.
    """
    database = Database(
        url.replace("postgresql://", "postgresql+psycopg://"), pool_size=4, statement_timeout_ms=_TIMEOUT_MS
    )
    embedder = MiniLm(threads)
    repository = KnowledgeRepository(database)
    try:
        yield IndexTools(
            embedder.name,
            AddKnowledge(repository, SectionProcess(), embedder),
            repository,
            Knowledge(KnowledgeSearch(database, embedder.name), embedder),
        )
    finally:
        embedder.close()
        await database.close()


async def build_candidate(tools: IndexTools, sources: Sequence[KnowledgeSource], made: Path) -> int:
    """Index the texts whose chunks were made, beside what is searched; return the version that has them all.

    Returns:
        The version; the active one when nothing is new.

    Raises:
        StaleEmbeddingsError: the embeddings of one are not of its chunks.
    """
    version, _ = await tools.repository.versions(OPERATOR_TENANT_ID, limit=1)
    for source in sources:
        if not chunk_file(source.key, made).exists():
            continue
        digest, chunks = read_chunks(source.key, made)
        vectors = read_embeddings(source.key, made, tools.embedder)
        new = NewDocument(source.key, source.title, source.edition, source.format, digest.encode())
        added = await tools.add.add_embedded(
            OPERATOR_TENANT_ID, new, chunks, vectors, actor=ACTOR, on=version
        )
        version = added.version
    return version


async def compare(
    tools: IndexTools, sources: Sequence[KnowledgeSource], texts: Path, candidate: int
) -> Comparison:
    """Ask the judged questions of both versions."""
    active, _ = await tools.repository.versions(OPERATOR_TENANT_ID, limit=1)
    return Comparison(
        active=await _figures(tools, sources, texts, active),
        candidate=await _figures(tools, sources, texts, candidate),
        unmeasured=unmeasured(sources, texts),
    )


def unmeasured(sources: Sequence[KnowledgeSource], texts: Path) -> list[str]:
    """Name the texts that are there to be indexed without the questions that they are judged by."""
    return [
        source.key
        for source in sources
        if source.questions and (texts / source.file).exists() and not _judged(source, texts)
    ]


async def _figures(
    tools: IndexTools, sources: Sequence[KnowledgeSource], texts: Path, version: int
) -> dict[str, float]:
    figures: dict[str, float] = {}
    for source in sources:
        judged = _judged(source, texts)
        if not judged:
            continue
        rankings = [
            await tools.knowledge.rank(
                OPERATOR_TENANT_ID, Question(one.question, (source.key,)), shared_version=version
            )
            for one in judged
        ]
        quality = measure(
            [places(hit.hit for hit in one.hits) for one in rankings], [one.right for one in judged]
        )
        figures |= {f"{source.key} mrr": quality.mrr, f"{source.key} recall": quality.recall}
    return figures


def _judged(source: KnowledgeSource, texts: Path) -> list[Judged]:
    if not source.questions or not (texts / source.questions).exists():
        return []
    lines = (texts / source.questions).read_text(encoding="utf-8").splitlines()
    return [Judged(row["query"], frozenset(row["gold"])) for row in map(json.loads, lines)]
