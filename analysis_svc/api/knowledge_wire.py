"""Knowledge over the wire: documents, versions, questions and answers."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.add import NewDocument
from analysis_svc.domain.knowledge.models import (
    MAX_CITED,
    MAX_QUESTION,
    Answer,
    AnswerKind,
    DocumentFacts,
    IndexVersion,
    Question,
)

_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$(?!\n)"
SourceKey = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)")]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=_NO_CONTROL)]


class KnowledgeAdd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document to index. ``content`` is its text; of a PDF, the file in base64.

    ``source`` is the key that questions can be narrowed to. A document of the same source and title is
    replaced.
    """

    source: SourceKey
    title: Line
    format: Literal["oscal", "pdf", "html", "markdown", "text", "jsonl"]
    content: Annotated[str, Meta(min_length=1, max_length=8_000_000)]
    edition: Annotated[str, Meta(max_length=64, pattern=_NO_CONTROL)] = ""


class DocumentOut(msgspec.Struct, frozen=True):
    """An indexed document; ``shared`` ones answer every tenant's questions."""

    id: UUID
    source: str
    title: str
    edition: str
    format: str
    digest: str
    embedder: str
    chunks: int
    added_at: datetime
    shared: bool


class AddedOut(msgspec.Struct, frozen=True):
    """The document, the version of the index that has it, and whether it is ``new`` or was there already."""

    document: DocumentOut
    version: int
    new: bool


class DocumentList(msgspec.Struct, frozen=True):
    """What is searched now."""

    documents: list[DocumentOut]


class VersionOut(msgspec.Struct, frozen=True):
    """One version of the index."""

    version: int
    documents: list[UUID]
    note: str
    created_at: datetime | None
    created_by: str


class VersionList(msgspec.Struct, frozen=True):
    """Versions of the tenant's own index, the newest first; ``active`` is searched, 0 is the empty one."""

    active: int
    versions: list[VersionOut]


class SwitchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version to search from now on."""

    version: Annotated[int, Meta(ge=1, le=2**53)]


class RagQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question; ``sources`` narrows it to documents of these keys, none means all."""

    question: Annotated[str, Meta(min_length=1, max_length=MAX_QUESTION)]
    sources: Annotated[list[SourceKey], Meta(max_length=20)] = []
    limit: Annotated[int, Meta(ge=1, le=MAX_CITED)] = 5


class RagCitation(msgspec.Struct, frozen=True):
    """A place that answers. ``quote`` is verbatim; ``score`` in [0, 1] says how well it answers by itself."""

    document_id: UUID
    source: str
    title: str
    edition: str
    ref_id: str
    path: list[str]
    quote: str
    score: float
    private: bool


class IndexOut(msgspec.Struct, frozen=True):
    """Versions that were searched; 0 is an empty index."""

    shared: int
    own: int


class RagAnswer(msgspec.Struct, frozen=True):
    """An answer with what it rests on.

    ``kind`` is ``extractive`` (verbatim quotes), ``written`` (by the analyst model, every citation and
    number checked) or ``not_in_sources``; then ``citations`` names the nearest places. ``note`` says why a
    model's text was not used.
    """

    answer: str
    kind: AnswerKind
    confidence: float
    citations: list[RagCitation]
    index: IndexOut
    model: str | None
    note: str


def question_of(body: RagQuery) -> Question:
    """Turn a checked body into the domain's question."""
    return Question(body.question, tuple(body.sources), body.limit)


def new_document_of(body: KnowledgeAdd) -> NewDocument:
    """Turn a checked body into the domain's document.

    Raises:
        ServiceError: INVALID_REQUEST when a PDF is not in base64.
    """
    if body.format == "pdf":
        try:
            content = base64.b64decode(body.content, validate=True)
        except (binascii.Error, ValueError):
            detail = "a PDF is sent as base64"
            raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="content") from None
    else:
        content = body.content.encode("utf-8", "surrogatepass")
    return NewDocument(body.source, body.title, body.edition, body.format, content)


def document_out(document: DocumentFacts, *, shared: bool) -> DocumentOut:
    """Turn a document into its answer."""
    return DocumentOut(
        id=document.id,
        source=document.source,
        title=document.title,
        edition=document.edition,
        format=document.format,
        digest=document.digest.hex(),
        embedder=document.embedder,
        chunks=document.chunks,
        added_at=document.added_at.astimezone(UTC),
        shared=shared,
    )


def version_out(version: IndexVersion) -> VersionOut:
    """Turn a version into its answer."""
    return VersionOut(
        version=version.version,
        documents=list(version.documents),
        note=version.note,
        created_at=version.created_at,
        created_by=version.created_by,
    )


def answer_out(answer: Answer) -> RagAnswer:
    """Turn an answer into what is sent."""
    return RagAnswer(
        answer=answer.answer,
        kind=answer.kind,
        confidence=answer.confidence,
        citations=[msgspec.convert(one, RagCitation, from_attributes=True) for one in answer.citations],
        index=IndexOut(shared=answer.shared_version, own=answer.own_version),
        model=answer.model,
        note=answer.note,
    )
