"""Documents, chunks and versions as rows."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row

from analysis_svc.domain.knowledge.models import DocumentFacts, IndexVersion
from analysis_svc.domain.knowledge.passages import Chunk
from analysis_svc.domain.knowledge.ports import Vector
from analysis_svc.domain.knowledge.references import normal_reference


def document_row(tenant_id: UUID, document: DocumentFacts) -> dict[str, Any]:
    """Return the row of a document."""
    return {
        "tenant_id": tenant_id,
        "id": document.id,
        "source": document.source,
        "title": document.title,
        "edition": document.edition,
        "format": document.format,
        "digest": document.digest,
        "embedder": document.embedder,
        "chunks": document.chunks,
        "lexemes": document.lexemes,
        "added_at": document.added_at,
        "added_by": document.added_by,
    }


def document_of(row: Row[Any]) -> DocumentFacts:
    """Read a document."""
    return DocumentFacts(**{one.name: getattr(row, one.name) for one in fields(DocumentFacts)})


def chunk_row(tenant_id: UUID, document_id: UUID, chunk: Chunk, vector: Vector) -> dict[str, Any]:
    """Return the row of a chunk, under a new id."""
    return {
        "tenant_id": tenant_id,
        "id": uuid4(),
        "document_id": document_id,
        "ordinal": chunk.ordinal,
        "ref_id": chunk.ref_id,
        "reference": normal_reference(chunk.ref_id),
        "title": chunk.title,
        "path": list(chunk.path),
        "context": chunk.context,
        "text": chunk.text,
        "embedding": vector,
    }


def version_row(tenant_id: UUID, version: IndexVersion) -> dict[str, Any]:
    """Return the row of a version."""
    return {
        "tenant_id": tenant_id,
        "version": version.version,
        "documents": list(version.documents),
        "note": version.note,
        "created_at": version.created_at,
        "created_by": version.created_by,
    }


def version_of(row: Row[Any]) -> IndexVersion:
    """Read a version."""
    return IndexVersion(
        version=row.version,
        documents=tuple(row.documents),
        note=row.note,
        created_at=row.created_at,
        created_by=row.created_by,
    )


def in_batches(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Cut a list into parts of at most `size`."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
