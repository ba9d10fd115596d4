"""Searches the index in Postgres: by words (BM25 over postings), by meaning (pgvector), by name."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.dialects.postgresql import UUID as SQL_UUID
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import BigInteger, Integer, Text

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
# Rows of other tenants and versions are passed over: without the first the search would end too early.
_HNSW = text(
    """
    select set_config('hnsw.iterative_scan', 'strict_order', true),
        set_config('hnsw.ef_search', cast(cast(:depth as integer) as text), true)
    """
)
# Everything in one statement: what words a chunk has is added up once, for the ranking and for each hit.
# Constants are floats, as Postgres would else reckon in decimals. Names of places are compared by operators
# that the index has, with values made here: row-level security keeps from the index what may leak.
_SEARCH = text(
    f"""
    with scored as materialized (
        select p.chunk_id as id, sum(w.weight) as covered, sum(
            w.weight * p.count * float8 '{BM25_K1 + 1}'
            / (p.count + float8 '{BM25_K1}'
                * (float8 '{1 - BM25_B}' + float8 '{BM25_B}' * p.length / cast(:mean_length as float8)))
        ) as score
        from analysis.knowledge_postings p
        join unnest(cast(:words as text[]), cast(:weights as float8[])) as w (word, weight) on w.word = p.word
        where p.document_id = any(:documents)
        group by p.chunk_id
    ), named as (
        select c.id, c.embedding <=> cast(:vector as vector) as far
        from unnest(cast(:named as text[])) as asked (name)
        join analysis.knowledge_chunks c on c.reference = asked.name
        where c.document_id = any(:places_of)
        union
        select c.id, c.embedding <=> cast(:vector as vector)
        from unnest(cast(:below as text[]), cast(:behind as text[])) as asked (below, behind)
        join analysis.knowledge_chunks c on c.reference ~>=~ asked.below and c.reference ~<~ asked.behind
        where c.document_id = any(:places_of)
    ), found as (
        (select id, 'words' as way from scored order by score desc, id limit :limit)
        union all
        (
            select id, 'meaning' from analysis.knowledge_chunks
            where document_id = any(:embedded)
            order by embedding <=> cast(:vector as vector) limit :limit
        )
        union all
        (select id, 'name' from named order by far, id limit :limit)
    )
    select c.id, c.document_id, c.ref_id, c.title, c.path, c.text, found.ways,
        1 - (c.embedding <=> cast(:vector as vector)) as cosine,
        coalesce(scored.score, 0) as score, coalesce(scored.covered, 0) as covered
    from (select id, array_agg(way) as ways from found group by id) as found
    join analysis.knowledge_chunks c on c.id = found.id
    left join scored on scored.id = found.id
    """  # noqa: S608 - put together from constants
).bindparams(
    bindparam("vector", type_=Vector()),
    bindparam("documents", type_=_IDS),
    bindparam("embedded", type_=_IDS),
    bindparam("words", type_=ARRAY(Text)),
    bindparam("weights", type_=ARRAY(DOUBLE_PRECISION)),
    bindparam("named", type_=ARRAY(Text)),
    bindparam("below", type_=ARRAY(Text)),
    bindparam("behind", type_=ARRAY(Text)),
    bindparam("mean_length", type_=DOUBLE_PRECISION()),
    bindparam("limit", type_=Integer()),
)
# The version that is asked for, or the one that is switched on, with its documents; one row without any.
_DOCUMENTS = text(
    """
    with chosen as (select coalesce(
        cast(:version as bigint),
        (select version from analysis.knowledge_switches order by number desc limit 1),
        0
    ) as number)
    select chosen.number, d.*
    from chosen
    left join analysis.knowledge_versions v on v.version = chosen.number
    left join analysis.knowledge_documents d on d.id = any(v.documents)
        and (cardinality(cast(:sources as text[])) = 0 or d.source = any(cast(:sources as text[])))
    order by d.source, d.title, d.id
    """
).bindparams(bindparam("version", type_=BigInteger()), bindparam("sources", type_=ARRAY(Text)))


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
        chosen = {"version": version, "sources": list(sources)}
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(_DOCUMENTS, chosen)).all()
            found = tuple(document_of(row) for row in rows if row.id is not None)
            if not found:
                return SearchSpace(rows[0].number, (), {})
            asked = {"question": question, "documents": [one.id for one in found]}
            words = await connection.execute(_HOLDING, asked)
            return SearchSpace(rows[0].number, found, {row.word: row.holding for row in words})

    async def search(
        self,
        tenant_id: UUID,
        searched: Sequence[DocumentFacts],
        *,
        vector: Floats,
        weights: Mapping[str, float],
        mean_length: float,
        references: Sequence[str],
        places_of: Sequence[DocumentFacts],
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
            "places_of": [one.id for one in places_of],
            "named": list(references),
            # What begins with the name and a full stop: "/" is the character behind that.
            "below": [f"{name}." for name in references],
            "behind": [f"{name}/" for name in references],
            "limit": limit,
        }
        facts = {one.id: one for one in searched}
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(_HNSW, {"depth": max(40, limit)})
            rows = (await connection.execute(_SEARCH, values)).all()
        return Found(*(self._hits(rows, way, facts) for way in ("words", "meaning", "name")))

    def _hits(
        self, rows: Sequence[Row[Any]], way: str, facts: Mapping[UUID, DocumentFacts]
    ) -> tuple[Hit, ...]:
        """Return what one way of searching found, best first."""
        hits = [self._hit(row, facts[row.document_id], way) for row in rows if way in row.ways]
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id)))

    def _hit(self, row: Row[Any], document: DocumentFacts, way: str) -> Hit:
        cosine = row.cosine if document.embedder == self._embedder else 0.0
        return Hit(
            chunk_id=row.id,
            document=document,
            ref_id=row.ref_id,
            title=row.title,
            path=tuple(row.path),
            text=row.text,
            score=row.score if way == "words" else cosine,
            cosine=cosine,
            covered=row.covered,
        )


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
