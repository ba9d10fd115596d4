"""Tenants' own frameworks: every version and every decision stays."""

from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table analysis.framework_versions (
            tenant_id   uuid not null,
            framework   text not null check (char_length(framework) <= 48),
            version     bigint not null check (version > 0),
            title       text not null,
            edition     text not null,
            controls    integer not null,
            links       integer not null,
            document    jsonb not null,
            digest      bytea not null,
            proposed_by text not null,
            proposed_at timestamptz not null,
            primary key (tenant_id, framework, version)
        )
        """
    )
    op.execute(
        """
        create table analysis.framework_decisions (
            tenant_id  uuid not null,
            framework  text not null,
            version    bigint not null,
            decision   text not null check (char_length(decision) <= 16),
            decided_by text not null,
            decided_at timestamptz not null,
            note       text not null check (char_length(note) <= 500),
            primary key (tenant_id, framework, version, decision),
            foreign key (tenant_id, framework, version)
                references analysis.framework_versions (tenant_id, framework, version) on delete cascade
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    for table in ("framework_versions", "framework_decisions"):
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        # A change is a new version and a decision a new row: the service itself alters and removes neither.
        op.execute(f'grant select, insert on analysis.{table} to "{role}"')


def downgrade() -> None:
    op.execute("drop table analysis.framework_decisions")
    op.execute("drop table analysis.framework_versions")
