"""How long data is kept: settings of tenants, legal holds, erasures, and the pipelines' rights to delete."""

from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"

_RUNTIME = {
    # A change is a new version: the service itself cannot alter or remove an old one.
    "tenant_settings": ("select, insert",),
    # A hold can only be ended, an erasure only be asked for.
    "legal_holds": ("select, insert", "update (released_at, released_by)"),
    "erasures": ("select, insert",),
}
_PIPELINE = {
    "tenant_settings": ("select",),
    "legal_holds": ("select",),
    "erasures": ("select", "update (state, finished_at, analyses, findings, held)"),
    "analyses": ("select, delete",),
    "findings": ("select, delete",),
    "audit_events": ("select, insert",),
    "audit_heads": ("select, insert, update",),
}


def upgrade() -> None:
    op.execute(
        """
        create table analysis.tenant_settings (
            tenant_id  uuid not null,
            version    bigint not null check (version > 0),
            chosen     jsonb not null,
            changed_at timestamptz not null default now(),
            changed_by text not null,
            restored   bigint check (restored >= 0),
            primary key (tenant_id, version)
        )
        """
    )
    op.execute(
        """
        create table analysis.legal_holds (
            tenant_id   uuid not null,
            id          uuid not null,
            reason      text not null check (char_length(reason) <= 500),
            application text check (char_length(application) <= 128),
            covers_from timestamptz,
            covers_to   timestamptz,
            placed_at   timestamptz not null,
            placed_by   text not null,
            released_at timestamptz,
            released_by text,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute(
        """
        create table analysis.erasures (
            tenant_id    uuid not null,
            id           uuid not null,
            subject_hash bytea not null,
            state        text not null check (char_length(state) <= 32),
            requested_at timestamptz not null,
            requested_by text not null,
            finished_at  timestamptz,
            analyses     bigint not null default 0,
            findings     bigint not null default 0,
            held         bigint not null default 0,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("alter table analysis.analyses add column subject_hash bytea")
    # No row has one yet: one pass over the table, and an index that starts empty.
    op.execute(
        "create index analyses_of_subject on analysis.analyses (tenant_id, subject_hash) "
        "where subject_hash is not null"
    )
    for table in _RUNTIME:
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
    for role, grants in (("runtime_role", _RUNTIME), ("pipeline_role", _PIPELINE)):
        if name := context.config.attributes[role]:
            for table, rights in grants.items():
                for right in rights:
                    op.execute(f'grant {right} on analysis.{table} to "{name}"')


def downgrade() -> None:
    if name := context.config.attributes["pipeline_role"]:
        for table in ("analyses", "findings", "audit_events", "audit_heads"):
            op.execute(f'revoke all on analysis.{table} from "{name}"')
    op.execute("drop index analysis.analyses_of_subject")
    op.execute("alter table analysis.analyses drop column subject_hash")
    for table in ("erasures", "legal_holds", "tenant_settings"):
        op.execute(f"drop table analysis.{table}")
