"""What asking and adding need from the outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.knowledge.models import DocumentFacts, Hit, IndexVersion
from analysis_svc.domain.knowledge.passages import Chunk, Section

Vector = Sequence[float]


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike their meanings are."""

    @property
    def name(self) -> str:
        """Return the model's name; vectors of two names are never compared."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Return one vector of unit length for each text, in order."""
        ...


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What of one tenant's index is searched.

    Attributes:
        version: of the index; 0 when it is empty.
        documents: of that version, narrowed to the sources asked for.
        holding: for each word of the question, how many chunks of those documents have it.
    """

    version: int
    documents: tuple[DocumentFacts, ...]
    holding: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What the searches of one space found, each best first."""

    words: tuple[Hit, ...]
    meanings: tuple[Hit, ...]
    references: tuple[Hit, ...]


class KnowledgeIndex(Protocol):
    """Searches one tenant's documents. Each call raises StorageUnavailableError."""

    async def space(
        self, tenant_id: UUID, text: str, sources: Sequence[str], *, version: int | None = None
    ) -> SearchSpace:
        """Return what there is to search; `version` looks at another than the one that is switched on."""
        ...

    async def search(
        self,
        tenant_id: UUID,
        documents: Sequence[DocumentFacts],
        *,
        vector: Vector,
        weights: Mapping[str, float],
        mean_length: float,
        references: Sequence[str],
        places_of: Sequence[DocumentFacts],
        limit: int,
    ) -> Found:
        """Search by words (BM25), by meaning (cosine) and by the names of places.

        Args:
            tenant_id: whose documents.
            documents: which of them.
            vector: of the question.
            weights: of the question's words.
            mean_length: words of the average chunk.
            references: names of places as the question has them, such as "article 33".
            places_of: documents that the named places are looked for in.
            limit: most hits of each search.
        """
        ...


class KnowledgeStore(Protocol):
    """Keeps documents and versions of a tenant's index. Each call raises StorageUnavailableError."""

    async def find(
        self,
        tenant_id: UUID,
        digest: bytes,
        embedder: str,
        *,
        anywhere: bool = False,
        within: int | None = None,
    ) -> DocumentFacts | None:
        """Return the document of the active version that has this digest and these vectors.

        Args:
            tenant_id: whose.
            digest: of the document.
            embedder: name of the model.
            anywhere: also one that only other versions have.
            within: look into this version instead of the active one.
        """
        ...

    async def add(
        self,
        tenant_id: UUID,
        document: DocumentFacts,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
        *,
        switch: bool,
        on: int | None = None,
    ) -> IndexVersion:
        """Keep a document and make a version with it out of another, all of it or nothing.

        A document of the same source, title and owner is left out of the new version: it is replaced.

        Args:
            tenant_id: whose it is.
            document: its facts; `lexemes` is counted here.
            chunks: its chunks.
            vectors: of the chunks, in order.
            switch: whether the new version is searched from now on.
            on: the version that the new one adds to; None for the active one.
        """
        ...

    async def documents(self, tenant_id: UUID) -> list[DocumentFacts]:
        """Return the documents of the active version, by source and title."""
        ...

    async def delete(self, tenant_id: UUID, document_id: UUID, *, actor: str) -> bool:
        """Remove a document with everything of it from every version; False when there is none.

        Raises:
            ServiceError: CONFLICT where a legal hold covers it.
        """
        ...

    async def versions(self, tenant_id: UUID, *, limit: int) -> tuple[int, list[IndexVersion]]:
        """Return which version is active, and versions, the newest first."""
        ...

    async def switch(self, tenant_id: UUID, version: int, *, actor: str) -> IndexVersion | None:
        """Make a version the active one, forward or back; None when there is none of that number."""
        ...


class SectionReader(Protocol):
    """Reads a file into its sections."""

    async def read(self, content: bytes, format: str) -> list[Section]:  # noqa: A002 - what callers call it
        """Return the sections in order.

        Raises:
            ServiceError: INVALID_REQUEST when the content is not of that format or holds no text.
        """
        ...


Progress = Callable[[int, int], None]
"""Told after each batch: chunks done, chunks in all."""
