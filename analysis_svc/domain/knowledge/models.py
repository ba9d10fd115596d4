"""What the index holds, what it is asked and what it answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

MAX_QUESTION = 2_000
"""Characters of a question."""
MAX_CITED = 10
"""Citations of one answer."""


class AnswerKind(StrEnum):
    """How an answer came about."""

    EXTRACTIVE = "extractive"
    """Put together from verbatim quotes."""
    WRITTEN = "written"
    """Written by the analyst model, every citation and number checked against what is cited."""
    NOT_IN_SOURCES = "not_in_sources"
    """Nothing that is indexed answers the question well enough."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        text: 1 to MAX_QUESTION characters.
        sources: keys of the sources that may answer, such as "gdpr"; none means all.
        limit: most citations, 1 to MAX_CITED.
    """

    text: str
    sources: tuple[str, ...] = ()
    limit: int = 5


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """One indexed document.

    Attributes:
        id: names it in its tenant.
        source: key of what it is a text of, such as "gdpr"; several documents may share it.
        title: as people call it.
        edition: which one, or empty.
        format: what it was read from.
        digest: SHA-256 of source, edition, format and content.
        embedder: name of the model that its vectors are of.
        chunks: how many it has.
        lexemes: distinct words of each chunk, added up over the chunks.
        added_at: when, UTC.
        added_by: token id or command that added it.
    """

    id: UUID
    source: str
    title: str
    edition: str
    format: str
    digest: bytes
    embedder: str
    chunks: int
    lexemes: int
    added_at: datetime
    added_by: str


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """One version of a tenant's index: which documents are searched. Versions are never changed.

    Attributes:
        version: counted from 1; 0 is the empty index of a tenant that added nothing.
        documents: their ids; one that was deleted since is simply no longer found.
        note: what made it, such as "added gdpr".
        created_at: when, UTC; None for version 0.
        created_by: token id or command; empty for version 0.
    """

    version: int
    documents: tuple[UUID, ...]
    note: str
    created_at: datetime | None
    created_by: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found.

    Attributes:
        chunk_id: names it in its tenant.
        document: that it is of.
        ref_id: of its section.
        title: of its section.
        path: of its section.
        text: verbatim.
        score: of the search that found it: BM25, or cosine similarity.
        cosine: similarity of meaning in [-1, 1]; 0 where its vector is another model's.
        covered: weight of the question's words that stand in it or around it.
    """

    chunk_id: UUID
    document: DocumentFacts
    ref_id: str
    title: str
    path: tuple[str, ...]
    text: str
    score: float
    cosine: float
    covered: float


@dataclass(frozen=True, slots=True)
class Cited:
    """A place of a source that answers.

    Attributes:
        document_id: of the document.
        source: its key.
        title: its title.
        edition: its edition.
        ref_id: what the source calls the place.
        path: where it stands.
        quote: words of the source, verbatim, at most 300 characters.
        score: relevance in [0, 1], see `rate.relevance`.
        private: whether it is a document of the tenant's own.
    """

    document_id: UUID
    source: str
    title: str
    edition: str
    ref_id: str
    path: tuple[str, ...]
    quote: str
    score: float
    private: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with what it rests on.

    Attributes:
        answer: prose; names citations as [1], [2] … in their order.
        confidence: in [0, 1]; that of the best citation.
        kind: how the answer came about.
        citations: best first; also for "not in the sources" the nearest places are named.
        shared_version: version of the shared index that was searched.
        own_version: version of the tenant's own index that was searched.
        model: that wrote the answer, or None.
        note: why a model's answer was not used, where there was one; else empty.
    """

    answer: str
    confidence: float
    kind: AnswerKind
    citations: tuple[Cited, ...]
    shared_version: int
    own_version: int
    model: str | None = None
    note: str = ""
