"""Searches the index in Postgres: by words (BM25 over postings), by meaning (pgvector), by name."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.dialects.postgresql import UUID as SQL_UUID
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Integer, Text

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.knowledge.document_rows import document_of
from analysis_svc.adapters.knowledge.knowledge_tables import Vector, documents, switches, versions
from analysis_svc.domain.knowledge.fuse import BM25_B, BM25_K1
from analysis_svc.domain.knowledge.models import DocumentFacts, Hit
from analysis_svc.domain.knowledge.ports import Found, SearchSpace
from analysis_svc.domain.knowledge.ports import Vector as Floats

MOST_WORDS = 64
"""Words of a question that are looked up, the rarest ones."""

_IDS = ARRAY(SQL_UUID(as_uuid=True))
_HOLDING = text(
    """
    with asked as (select lexeme as word from unnest(to_tsvector('pg_catalog.english', :question)))
    select asked.word, count(p.chunk_id) as holding
    from asked left join analysis.knowledge_postings p
        on p.word = asked.word and p.document_id = any(:documents)
    group by asked.word
    """
).bindparams(bindparam("documents", type_=_IDS))
_TYPES: Mapping[str, Any] = {
    "vector": Vector(),
    "documents": _IDS,
    "embedded": _IDS,
    "words": ARRAY(Text),
    "weights": ARRAY(DOUBLE_PRECISION),
    "named": ARRAY(Text),
    "below": ARRAY(Text),
    "mean_length": DOUBLE_PRECISION(),
    "limit": Integer(),
}


class _Search:
    """A search that is made once, so that SQLAlchemy compiles it once."""

    def __init__(self, query: str) -> None:
        self.names = tuple(name for name in _TYPES if f":{name}" in query)
        self.statement = text(query).bindparams(*(bindparam(name, type_=_TYPES[name]) for name in self.names))


# What every search answers of a chunk; `covered` is the weight of the question's words in it.
_CHUNK = """
    c.id, c.document_id, c.ref_id, c.title, c.path, c.text, found.score,
    1 - (c.embedding <=> cast(:vector as vector)) as cosine,
    coalesce((
        select sum(w.weight) from analysis.knowledge_postings p
        join unnest(cast(:words as text[]), cast(:weights as float8[])) as w (word, weight) on w.word = p.word
        where p.document_id = c.document_id and p.chunk_id = c.id
    ), 0) as covered
"""
_BY_WORDS = _Search(f"""
    select {_CHUNK} from (
        select p.chunk_id as id, sum(
            w.weight * p.count * ({BM25_K1} + 1)
            / (p.count + {BM25_K1} * (1 - {BM25_B} + {BM25_B} * p.length / :mean_length))
        ) as score
        from analysis.knowledge_postings p
        join unnest(cast(:words as text[]), cast(:weights as float8[])) as w (word, weight) on w.word = p.word
        where p.document_id = any(:documents)
        group by p.chunk_id order by score desc, p.chunk_id limit :limit
    ) as found join analysis.knowledge_chunks c on c.id = found.id
    order by found.score desc, c.id
""")  # noqa: S608 - put together from constants
_BY_MEANING = _Search(f"""
    select {_CHUNK} from (
        select id, 1 - (embedding <=> cast(:vector as vector)) as score
        from analysis.knowledge_chunks
        where document_id = any(:embedded)
        order by embedding <=> cast(:vector as vector) limit :limit
    ) as found join analysis.knowledge_chunks c on c.id = found.id
    order by found.score desc, c.id
""")  # noqa: S608 - put together from constants
_BY_REFERENCE = _Search(f"""
    select {_CHUNK} from (
        select id, 1 - (embedding <=> cast(:vector as vector)) as score
        from analysis.knowledge_chunks
        where document_id = any(:documents)
            and (reference = any(cast(:named as text[])) or reference like any(cast(:below as text[])))
        order by score desc limit :limit
    ) as found join analysis.knowledge_chunks c on c.id = found.id
    order by found.score desc, c.id
""")  # noqa: S608 - put together from constants


class KnowledgeSearch:
    """Searches one tenant's documents, one transaction for each call.

    Args:
        database: the service's.
        embedder: name of the model that questions are embedded with; vectors of another are not compared.
    """

    def __init__(self, database: Database, embedder: str) -> None:
        self._database = database
        self._embedder = embedder

    async def space(
        self, tenant_id: UUID, question: str, sources: Sequence[str], *, version: int | None = None
    ) -> SearchSpace:
        """Return the documents of the active version and who has the question's words."""
        async with self._database.tenant(tenant_id) as connection:
            number = await active_version(connection) if version is None else version
            found = await documents_of(connection, number, sources)
            ids = [one.id for one in found]
            rows = await connection.execute(_HOLDING, {"question": question, "documents": ids})
            return SearchSpace(number, tuple(found), {row.word: row.holding for row in rows})

    async def search(
        self,
        tenant_id: UUID,
        searched: Sequence[DocumentFacts],
        *,
        vector: Floats,
        weights: Mapping[str, float],
        mean_length: float,
        references: Sequence[str],
        limit: int,
    ) -> Found:
        """Search the documents three ways."""
        rarest = sorted(weights, key=lambda word: -weights[word])[:MOST_WORDS]
        values = {
            "vector": vector,
            "words": rarest,
            "weights": [weights[word] for word in rarest],
            "mean_length": max(mean_length, 1.0),
            "documents": [one.id for one in searched],
            "embedded": [one.id for one in searched if one.embedder == self._embedder],
            "named": list(references),
            "below": [_escaped(name) + ".%" for name in references],
            "limit": limit,
        }
        facts = {one.id: one for one in searched}
        async with self._database.tenant(tenant_id) as connection:
            # Rows of other tenants and versions are passed over: without this the search would end too early.
            await connection.execute(text("set local hnsw.iterative_scan = strict_order"))
            await connection.execute(text(f"set local hnsw.ef_search = {max(40, limit)}"))
            words = await _hits(connection, _BY_WORDS, values, facts)
            meanings = await _hits(connection, _BY_MEANING, values, facts) if values["embedded"] else ()
            named = await _hits(connection, _BY_REFERENCE, values, facts) if references else ()
        return Found(words, meanings, named)


async def active_version(connection: AsyncConnection) -> int:
    """Return the version that the last switch chose; 0 when there was none."""
    query = select(switches.c.version).order_by(switches.c.number.desc()).limit(1)
    return (await connection.execute(query)).scalar() or 0


async def documents_of(
    connection: AsyncConnection, version: int, sources: Sequence[str] = ()
) -> list[DocumentFacts]:
    """Return the documents of a version that are still there, by source and title."""
    members = select(versions.c.documents).where(versions.c.version == version)
    ids = (await connection.execute(members)).scalar() or []
    if not ids:
        return []
    query = select(documents).where(documents.c.id.in_(ids))
    if sources:
        query = query.where(documents.c.source.in_(sources))
    rows = await connection.execute(query.order_by(documents.c.source, documents.c.title, documents.c.id))
    return [document_of(row) for row in rows]


async def _hits(
    connection: AsyncConnection,
    query: _Search,
    values: Mapping[str, Any],
    facts: Mapping[UUID, DocumentFacts],
) -> tuple[Hit, ...]:
    used = {name: values[name] for name in query.names}
    return tuple(_hit(row, facts) for row in await connection.execute(query.statement, used))


def _hit(row: Row[Any], facts: Mapping[UUID, DocumentFacts]) -> Hit:
    return Hit(
        chunk_id=row.id,
        document=facts[row.document_id],
        ref_id=row.ref_id,
        title=row.title,
        path=tuple(row.path),
        text=row.text,
        score=row.score,
        cosine=row.cosine,
        covered=row.covered,
    )


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
