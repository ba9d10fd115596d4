"""Puts the knowledge index together: asking, adding, and what keeps the shipped catalogues indexed."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import httpx
import structlog
from litestar.di import Provide

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.http_client import make_http_client
from analysis_svc.adapters.knowledge.bento_writer import BentoWriter
from analysis_svc.adapters.knowledge.knowledge_repository import KnowledgeRepository
from analysis_svc.adapters.knowledge.minilm import MiniLm
from analysis_svc.adapters.knowledge.reading_process import SectionProcess
from analysis_svc.adapters.knowledge.search import KnowledgeSearch
from analysis_svc.api.knowledge_controller import KnowledgeController
from analysis_svc.api.rag_controller import RagController
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import ServiceError
from analysis_svc.domain.knowledge.add import Added, AddKnowledge
from analysis_svc.domain.knowledge.ask import Knowledge
from analysis_svc.domain.knowledge.models import DocumentFacts
from analysis_svc.domain.knowledge.shipped import shipped_documents
from analysis_svc.settings import Settings

CONTROLLERS = (KnowledgeController, RagController)
_ADDING_TIMEOUT_MS = 120_000
SHIPPED = "shipped"
_RETRY_S = 30.0
_log = structlog.get_logger("analysis_svc")


@dataclass(frozen=True, slots=True)
class KnowledgeParts:
    """The use cases and what is closed with the service."""

    knowledge: Knowledge
    add_knowledge: AddKnowledge
    repository: KnowledgeRepository
    adding: Database
    embedder: MiniLm
    client: httpx.AsyncClient | None

    def dependencies(self) -> Mapping[str, Provide]:
        """Return what handlers ask for by name."""
        return {
            "knowledge": Provide(lambda: self.knowledge, sync_to_thread=False),
            "add_knowledge": Provide(lambda: self.add_knowledge, sync_to_thread=False),
        }

    async def documents(self, tenant_id: UUID) -> list[DocumentFacts]:
        """Return what of one tenant's own is searched."""
        return await self.repository.documents(tenant_id)

    async def index_shipped(self, catalogue: Catalogue) -> list[Added]:
        """Index the shipped catalogues for all tenants; what is indexed already is passed over."""
        return [
            await self.add_knowledge.add_read(OPERATOR_TENANT_ID, new, sections, actor=SHIPPED)
            for new, sections in shipped_documents(catalogue)
        ]

    async def keep_shipped(self, catalogue: Catalogue) -> None:
        """Load the model and index the shipped catalogues; goes on trying while the database is away."""
        await self.embedder.embed(["warm up"])
        while True:
            try:
                await self.index_shipped(catalogue)
            except ServiceError as error:
                _log.warning("catalogues_not_indexed", error_code=error.code)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def close(self) -> None:
        """Close what only the knowledge index uses."""
        self.embedder.close()
        await self.adding.close()
        if self.client is not None:
            await self.client.aclose()


def compose_knowledge(settings: Settings, database: Database, *, threads: int = 1) -> KnowledgeParts:
    """Put the knowledge index together.

    Args:
        settings: of the service.
        database: its own, that questions are answered from.
        threads: that embedding may use.
    """
    embedder = MiniLm(threads)
    # A large document takes longer than a request may hold a pooled connection.
    adding = Database(settings.database_url, pool_size=2, statement_timeout_ms=_ADDING_TIMEOUT_MS)
    repository = KnowledgeRepository(adding)
    client = writer = None
    if settings.analyst_url:
        client = make_http_client(timeout_s=settings.analyst_timeout_ms / 1000, max_connections=8)
        writer = BentoWriter(client, settings.analyst_url, settings.analyst_token)
    return KnowledgeParts(
        knowledge=Knowledge(KnowledgeSearch(database, embedder.name), embedder, writer),
        add_knowledge=AddKnowledge(repository, SectionProcess(), embedder),
        repository=repository,
        adding=adding,
        embedder=embedder,
        client=client,
    )
