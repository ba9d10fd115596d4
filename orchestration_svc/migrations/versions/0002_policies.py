"""Policies of tenants: every version kept, and which of them was in force when."""

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_TABLES = ("policy_bundles", "policy_activations")


def upgrade() -> None:
    op.execute(
        """
        create table orchestration.policy_bundles (
            tenant_id  uuid not null,
            name       text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
            version    bigint not null check (version > 0),
            modules    jsonb not null,
            data       jsonb not null,
            digest     text not null,
            created_at timestamptz not null default now(),
            created_by text not null,
            primary key (tenant_id, name, version)
        )
        """
    )
    op.execute(
        """
        create table orchestration.policy_activations (
            tenant_id uuid not null,
            name      text not null,
            seq       bigint not null check (seq > 0),
            version   bigint,
            previous  bigint,
            at        timestamptz not null default now(),
            by        text not null,
            primary key (tenant_id, name, seq),
            foreign key (tenant_id, name, version)
                references orchestration.policy_bundles (tenant_id, name, version),
            foreign key (tenant_id, name, previous)
                references orchestration.policy_bundles (tenant_id, name, version)
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    for table in _TABLES:
        op.execute(f"alter table orchestration.{table} enable row level security")
        op.execute(f"alter table orchestration.{table} force row level security")
        op.execute(f"create policy own_tenant on orchestration.{table} using ({_OWN}) with check ({_OWN})")
        # Both only grow: what was in force at a time can be told for good.
        op.execute(f'grant select, insert on orchestration.{table} to "{role}"')


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"drop table orchestration.{table}")
