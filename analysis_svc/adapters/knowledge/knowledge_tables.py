"""The tables of the knowledge index, as the repositories see them."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from analysis_svc.adapters.tables import metadata

DIMENSIONS = 384
"""Of MiniLM's vectors."""


class Vector(sa.types.UserDefinedType[Sequence[float]]):
    """pgvector's type, written and read as its text."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Return the type's name in SQL."""
        return f"vector({DIMENSIONS})"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Sequence[float] | None], str | None]:  # noqa: ARG002 - the shape that SQLAlchemy asks for
        """Return what writes a vector."""
        return lambda vector: None if vector is None else "[" + ",".join(f"{one:.7g}" for one in vector) + "]"


documents = sa.Table(
    "knowledge_documents",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("edition", sa.Text, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("embedder", sa.Text, nullable=False),
    sa.Column("chunks", sa.Integer, nullable=False),
    sa.Column("lexemes", sa.BigInteger, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("added_by", sa.Text, nullable=False),
)

chunks = sa.Table(
    "knowledge_chunks",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("document_id", UUID(as_uuid=True), nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("ref_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("path", ARRAY(sa.Text), nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("embedding", Vector, nullable=False),
)

postings = sa.Table(
    "knowledge_postings",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("document_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("chunk_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
)

versions = sa.Table(
    "knowledge_versions",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("documents", ARRAY(UUID(as_uuid=True)), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    # Always empty: figures are in the audit event of the switch. Older releases read it, so it stays for now.
    sa.Column("evaluation", JSONB, nullable=False, default=dict),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)

switches = sa.Table(
    "knowledge_switches",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("switched_by", sa.Text, nullable=False),
)
