"""The knowledge index: documents in chunks, searched by words and by meaning; versions that are switched.

The extension `vector` is made by deploy/postgres/bootstrap.py or by an administrator, in this schema, as only
a superuser may make it.
"""

from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_TABLES = {
    "knowledge_documents": "select, insert, delete",
    # These go with their document; that needs no right of the service's own.
    "knowledge_chunks": "select, insert",
    "knowledge_postings": "select, insert",
    # What was searched when is kept: a version is never changed, and a switch back is a switch more.
    "knowledge_versions": "select, insert",
    "knowledge_switches": "select, insert",
}


def upgrade() -> None:
    op.execute(
        """
        create table analysis.knowledge_documents (
            tenant_id uuid not null,
            id        uuid not null,
            source    text not null check (char_length(source) <= 64),
            title     text not null check (char_length(title) <= 200),
            edition   text not null check (char_length(edition) <= 64),
            format    text not null check (char_length(format) <= 16),
            digest    bytea not null,
            embedder  text not null,
            chunks    integer not null check (chunks > 0),
            lexemes   bigint not null check (lexemes >= 0),
            added_at  timestamptz not null,
            added_by  text not null,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute(
        """
        create table analysis.knowledge_chunks (
            tenant_id   uuid not null,
            id          uuid not null,
            document_id uuid not null,
            ordinal     integer not null check (ordinal >= 0),
            ref_id      text not null check (char_length(ref_id) <= 200),
            reference   text not null,
            title       text not null,
            path        text[] not null,
            context     text not null,
            text        text not null check (char_length(text) <= 4000),
            embedding   vector(384) not null,
            primary key (tenant_id, id),
            unique (tenant_id, document_id, ordinal),
            foreign key (tenant_id, document_id)
                references analysis.knowledge_documents (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        "create index knowledge_chunks_meaning on analysis.knowledge_chunks "
        "using hnsw (embedding vector_cosine_ops)"
    )
    op.execute(
        "create index knowledge_chunks_reference on analysis.knowledge_chunks "
        "(tenant_id, reference text_pattern_ops)"
    )
    # Which chunk has which word. A GIN index over a tsvector would do without row-level security; behind a
    # policy Postgres does not use one, as its match operator is not leakproof. Equality of texts is.
    op.execute(
        """
        create table analysis.knowledge_postings (
            tenant_id   uuid not null,
            document_id uuid not null,
            word        text not null,
            chunk_id    uuid not null,
            count       integer not null check (count > 0),
            length      integer not null check (length > 0),
            primary key (tenant_id, document_id, word, chunk_id) include (count, length),
            foreign key (tenant_id, document_id)
                references analysis.knowledge_documents (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        """
        create table analysis.knowledge_versions (
            tenant_id  uuid not null,
            version    bigint not null check (version > 0),
            documents  uuid[] not null,
            note       text not null check (char_length(note) <= 300),
            evaluation jsonb not null,
            created_at timestamptz not null,
            created_by text not null,
            primary key (tenant_id, version)
        )
        """
    )
    op.execute(
        """
        create table analysis.knowledge_switches (
            tenant_id   uuid not null,
            number      bigint not null check (number > 0),
            version     bigint not null check (version >= 0),
            switched_at timestamptz not null,
            switched_by text not null,
            primary key (tenant_id, number)
        )
        """
    )
    # The pipelines build and switch the shared index, and remove nothing.
    roles = (context.config.attributes["runtime_role"], context.config.attributes["pipeline_role"])
    for table, rights in _TABLES.items():
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant {rights} on analysis.{table} to "{roles[0]}"')
        if roles[1]:
            op.execute(f'grant select, insert on analysis.{table} to "{roles[1]}"')


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"drop table analysis.{table}")
