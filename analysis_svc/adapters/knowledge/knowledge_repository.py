"""Documents and versions of the index in Postgres."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.hold_repository import is_held, keep_holds_out
from analysis_svc.adapters.knowledge.document_rows import (
    chunk_row,
    document_of,
    document_row,
    in_batches,
    version_of,
    version_row,
)
from analysis_svc.adapters.knowledge.knowledge_tables import chunks, documents, switches, versions
from analysis_svc.adapters.knowledge.search import active_version, documents_of
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.models import DocumentFacts, IndexVersion
from analysis_svc.domain.knowledge.passages import Chunk
from analysis_svc.domain.knowledge.ports import Vector

_BATCH = 200
_COUNT_LEXEMES = text(
    """
    select coalesce(sum(length(to_tsvector('pg_catalog.english', line))), 0)
    from unnest(cast(:lines as text[])) as line
    """
)
_INSERT_POSTINGS = text(
    """
    insert into analysis.knowledge_postings (tenant_id, document_id, word, chunk_id, count, length)
    select c.tenant_id, c.document_id, found.lexeme, c.id, cardinality(found.positions), length(c.words)
    from (
        select tenant_id, document_id, id,
            to_tsvector(
                'pg_catalog.english', context || ' ' || ref_id || ' ' || title || ' ' || text
            ) as words
        from analysis.knowledge_chunks where document_id = :document_id
    ) as c, unnest(c.words) as found
    """
)
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('knowledge ' || :tenant, 0))")


class KnowledgeRepository:
    """Keeps documents and versions of each tenant's index, one transaction for each call.

    Args:
        database: with a time limit that a large document fits in.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(
        self,
        tenant_id: UUID,
        digest: bytes,
        embedder: str,
        *,
        anywhere: bool = False,
        within: int | None = None,
    ) -> DocumentFacts | None:
        """Return the document that has this digest and these vectors."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(
                select(documents).where(documents.c.digest == digest, documents.c.embedder == embedder)
            )
            found = [document_of(row) for row in rows]
            if found and not anywhere:
                version = await active_version(connection) if within is None else within
                members = await documents_of(connection, version)
                found = [one for one in found if one in members]
        return found[0] if found else None

    async def add(
        self,
        tenant_id: UUID,
        document: DocumentFacts,
        parts: Sequence[Chunk],
        vectors: Sequence[Vector],
        *,
        switch: bool,
        on: int | None = None,
    ) -> IndexVersion:
        """Keep a document, its chunks and the version that has it, and switch to it where asked."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_LOCK, {"tenant": str(tenant_id)})
            kept = await _keep(connection, tenant_id, document, parts, vectors)
            base = await active_version(connection) if on is None else on
            others = [
                one.id
                for one in await documents_of(connection, base)
                if (one.source, one.title) != (document.source, document.title)
            ]
            note = f"added {document.source}: {document.title}"[:300]
            version = await _new_version(
                connection, tenant_id, [*others, document.id], note, document.added_by
            )
            if switch:
                await _switch(connection, tenant_id, version.version, document.added_by)
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=document.added_by,
                action="knowledge.added",
                subject=str(document.id),
                detail={
                    "source": kept.source,
                    "title": kept.title,
                    "edition": kept.edition,
                    "digest": kept.digest.hex(),
                    "chunks": kept.chunks,
                    "version": version.version,
                    "switched": switch,
                },
            )
            return version

    async def documents(self, tenant_id: UUID) -> list[DocumentFacts]:
        """Return the documents of the active version."""
        async with self._database.tenant(tenant_id) as connection:
            return await documents_of(connection, await active_version(connection))

    async def document(self, tenant_id: UUID, document_id: UUID) -> DocumentFacts | None:
        """Return one document, of whatever version."""
        async with self._database.tenant(tenant_id) as connection:
            row = (
                await connection.execute(select(documents).where(documents.c.id == document_id))
            ).one_or_none()
            return None if row is None else document_of(row)

    async def delete(self, tenant_id: UUID, document_id: UUID, *, actor: str) -> bool:
        """Remove a document with all that is kept of it; CONFLICT where a legal hold covers it."""
        async with self._database.tenant(tenant_id) as connection:
            await keep_holds_out(connection, tenant_id)
            added_at = select(documents.c.added_at).where(documents.c.id == document_id)
            added = (await connection.execute(added_at)).scalar_one_or_none()
            if added is not None and await is_held(connection, added):
                raise ServiceError(ErrorCode.CONFLICT, "a legal hold covers this document")
            gone = await connection.execute(
                delete(documents).where(documents.c.id == document_id).returning(documents.c.source)
            )
            source = gone.scalar()
            if source is None:
                return False
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="knowledge.deleted",
                subject=str(document_id),
                detail={"source": source},
            )
            return True

    async def versions(self, tenant_id: UUID, *, limit: int) -> tuple[int, list[IndexVersion]]:
        """Return which version is active, and versions, the newest first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(select(versions).order_by(versions.c.version.desc()).limit(limit))
            return await active_version(connection), [version_of(row) for row in rows]

    async def switch(
        self, tenant_id: UUID, version: int, *, actor: str, evaluation: Mapping[str, float] | None = None
    ) -> IndexVersion | None:
        """Make a version the active one; `evaluation` goes into the audit event."""
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_LOCK, {"tenant": str(tenant_id)})
            row = (
                await connection.execute(select(versions).where(versions.c.version == version))
            ).one_or_none()
            if row is None:
                return None
            before = await active_version(connection)
            await _switch(connection, tenant_id, version, actor)
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action="knowledge.switched",
                subject=str(version),
                detail={"from": before, "to": version, "evaluation": dict(evaluation or {})},
            )
            return version_of(row)


async def _keep(
    connection: AsyncConnection,
    tenant_id: UUID,
    document: DocumentFacts,
    parts: Sequence[Chunk],
    vectors: Sequence[Vector],
) -> DocumentFacts:
    lines = [f"{one.context} {one.ref_id} {one.title} {one.text}" for one in parts]
    counted = (await connection.execute(_COUNT_LEXEMES, {"lines": lines})).scalar_one()
    kept = replace(document, chunks=len(parts), lexemes=counted)
    await connection.execute(insert(documents).values(document_row(tenant_id, kept)))
    rows: list[dict[str, Any]] = [
        chunk_row(tenant_id, document.id, part, vector) for part, vector in zip(parts, vectors, strict=True)
    ]
    for batch in in_batches(rows, _BATCH):
        await connection.execute(insert(chunks), list(batch))
    await connection.execute(_INSERT_POSTINGS, {"document_id": document.id})
    return kept


async def _new_version(
    connection: AsyncConnection, tenant_id: UUID, members: Sequence[UUID], note: str, actor: str
) -> IndexVersion:
    newest = (await connection.execute(select(func.max(versions.c.version)))).scalar() or 0
    version = IndexVersion(newest + 1, tuple(members), note, datetime.now(UTC), actor)
    await connection.execute(insert(versions).values(version_row(tenant_id, version)))
    return version


async def _switch(connection: AsyncConnection, tenant_id: UUID, version: int, actor: str) -> None:
    last = (await connection.execute(select(func.max(switches.c.number)))).scalar() or 0
    await connection.execute(
        insert(switches).values(
            tenant_id=tenant_id,
            number=last + 1,
            version=version,
            switched_at=datetime.now(UTC),
            switched_by=actor,
        )
    )
