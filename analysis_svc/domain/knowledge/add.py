"""The use cases around documents: add, list, delete, look at versions, switch."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from analysis_svc.domain.access import Principal
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.chunk import TooManyChunksError, chunks_of
from analysis_svc.domain.knowledge.models import DocumentFacts, IndexVersion
from analysis_svc.domain.knowledge.passages import Chunk, Section
from analysis_svc.domain.knowledge.ports import (
    Embedder,
    KnowledgeStore,
    Progress,
    SectionReader,
    Vector,
)

POSTED_CHUNKS_MAX = 1_500
"""Chunks of a document that comes over the API; a larger one is added by the command."""
FORMATS = ("oscal", "pdf", "html", "markdown", "text", "jsonl")
_BATCH = 64


@dataclass(frozen=True, slots=True)
class NewDocument:
    """What is to be indexed.

    Attributes:
        source: key that questions can be narrowed to, such as "gdpr".
        title: as people call it.
        edition: which one, or empty.
        format: one of FORMATS.
        content: the file's bytes.
    """

    source: str
    title: str
    edition: str
    format: str
    content: bytes

    @property
    def digest(self) -> bytes:
        """Return SHA-256 over everything that the index makes of it."""
        whole = hashlib.sha256()
        for part in (self.source, self.title, self.edition, self.format):
            whole.update(part.encode() + b"\0")
        whole.update(self.content)
        return whole.digest()


@dataclass(frozen=True, slots=True)
class Added:
    """A document of the index; `new` is False when it was there already, in the same words."""

    document: DocumentFacts
    version: int
    new: bool


class AddKnowledge:
    """Adds documents and chooses which version is searched.

    Args:
        store: keeps them.
        reader: reads files.
        embedder: of their chunks.
    """

    def __init__(self, store: KnowledgeStore, reader: SectionReader, embedder: Embedder) -> None:
        self._store = store
        self._reader = reader
        self._embedder = embedder

    async def add(
        self,
        tenant_id: UUID,
        new: NewDocument,
        *,
        actor: str,
        most_chunks: int | None = None,
        switch: bool = True,
        progress: Progress | None = None,
    ) -> Added:
        """Read, cut, embed and keep a document; the same again changes nothing.

        Args:
            tenant_id: whose index; the operator tenant's is the shared one.
            new: the document.
            actor: for the audit log.
            most_chunks: more than these are refused.
            switch: whether the new version is searched from now on.
            progress: told after each batch.

        Raises:
            ServiceError: INVALID_REQUEST when it cannot be read; PAYLOAD_TOO_LARGE above `most_chunks`.
        """
        known = await self._known(tenant_id, new)
        if known is not None:
            return known
        sections = await self._reader.read(new.content, new.format)
        return await self._add(
            tenant_id,
            new,
            sections,
            actor=actor,
            most_chunks=most_chunks,
            switch=switch,
            progress=progress,
        )

    async def add_read(
        self,
        tenant_id: UUID,
        new: NewDocument,
        sections: Sequence[Section],
        *,
        actor: str,
        switch: bool = True,
    ) -> Added:
        """Do the same with a document that was read already.

        One that some version has is passed over, so that going back to another version lasts.
        """
        known = await self._known(tenant_id, new, anywhere=True)
        if known is not None:
            return known
        return await self._add(
            tenant_id, new, sections, actor=actor, most_chunks=None, switch=switch, progress=None
        )

    async def add_embedded(
        self,
        tenant_id: UUID,
        new: NewDocument,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
        *,
        actor: str,
        on: int,
    ) -> Added:
        """Keep a document that was cut and embedded already, in a version beside the one that is searched.

        Args:
            tenant_id: whose index.
            new: the document.
            chunks: of it.
            vectors: of the chunks, in order, by this embedder's model.
            actor: for the audit log.
            on: the version that the new one adds to; one that has the document already is answered as it is.
        """
        known = await self._store.find(tenant_id, new.digest, self._embedder.name, within=on)
        if known is not None:
            return Added(known, on, new=False)
        return await self._keep(tenant_id, new, chunks, vectors, actor=actor, switch=False, on=on)

    async def _known(self, tenant_id: UUID, new: NewDocument, *, anywhere: bool = False) -> Added | None:
        known = await self._store.find(tenant_id, new.digest, self._embedder.name, anywhere=anywhere)
        if known is None:
            return None
        active, _ = await self._store.versions(tenant_id, limit=1)
        return Added(known, active, new=False)

    async def _add(
        self,
        tenant_id: UUID,
        new: NewDocument,
        sections: Sequence[Section],
        *,
        actor: str,
        most_chunks: int | None,
        switch: bool,
        progress: Progress | None,
    ) -> Added:
        try:
            # In a thread: a large source takes seconds, in which nobody else would be answered.
            chunks = await asyncio.to_thread(chunks_of, sections, most=most_chunks)
        except TooManyChunksError:
            raise ServiceError(
                ErrorCode.PAYLOAD_TOO_LARGE,
                f"this makes more than {most_chunks} chunks, which is the most taken over the API; "
                "add it with `python -m analysis_svc knowledge add`",
                field="content",
            ) from None
        if not chunks:
            raise ServiceError(ErrorCode.INVALID_REQUEST, "there is no text in it", field="content")
        vectors: list[Vector] = []
        for start in range(0, len(chunks), _BATCH):
            vectors += await self._embedder.embed([one.meaning for one in chunks[start : start + _BATCH]])
            if progress is not None:
                progress(len(vectors), len(chunks))
        return await self._keep(tenant_id, new, chunks, vectors, actor=actor, switch=switch)

    async def _keep(
        self,
        tenant_id: UUID,
        new: NewDocument,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
        *,
        actor: str,
        switch: bool,
        on: int | None = None,
    ) -> Added:
        document = DocumentFacts(
            id=uuid4(),
            source=new.source,
            title=new.title,
            edition=new.edition,
            format=new.format,
            digest=new.digest,
            embedder=self._embedder.name,
            chunks=len(chunks),
            lexemes=0,
            added_at=datetime.now(UTC),
            added_by=actor,
        )
        version = await self._store.add(tenant_id, document, chunks, vectors, switch=switch, on=on)
        return Added(document, version.version, new=True)

    async def documents(self, tenant_id: UUID) -> tuple[list[DocumentFacts], list[DocumentFacts]]:
        """Return the shared documents and the tenant's own."""
        shared = await self._store.documents(OPERATOR_TENANT_ID)
        own = [] if tenant_id == OPERATOR_TENANT_ID else await self._store.documents(tenant_id)
        return shared, own

    async def document(self, tenant_id: UUID, document_id: UUID) -> tuple[DocumentFacts, bool]:
        """Return a document and whether it is shared.

        Raises:
            ServiceError: NOT_FOUND.
        """
        shared, own = await self.documents(tenant_id)
        for one in (*own, *shared):
            if one.id == document_id:
                return one, one in shared
        raise _no_document()

    async def delete(self, caller: Principal, document_id: UUID) -> None:
        """Remove a document of the caller's tenant from every version.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT where a legal hold covers it.
        """
        if not await self._store.delete(caller.tenant_id, document_id, actor=caller.token_id):
            raise _no_document()

    async def versions(self, tenant_id: UUID, *, limit: int) -> tuple[int, list[IndexVersion]]:
        """Return which version of a tenant's index is active, and versions, the newest first."""
        return await self._store.versions(tenant_id, limit=limit)

    async def switch(self, tenant_id: UUID, version: int, *, actor: str) -> IndexVersion:
        """Search another version from now on.

        Raises:
            ServiceError: NOT_FOUND.
        """
        found = await self._store.switch(tenant_id, version, actor=actor)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "there is no such version", field="version")
        return found


def _no_document() -> ServiceError:
    return ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such document", field="document_id")
