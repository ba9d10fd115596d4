"""Detectors registered at run time, by tenants and, under the operator's tenant, for everybody."""

from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_RULE = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table orchestration.detectors (
            tenant_id  uuid not null references orchestration.tenants (id),
            name       text not null check (char_length(name) between 1 and 128),
            version    text not null check (char_length(version) between 1 and 128),
            connection jsonb not null,
            enabled    boolean not null,
            weight     integer not null check (weight between 0 and 100),
            shadow     boolean not null,
            changed_at timestamptz not null default now(),
            primary key (tenant_id, name, version)
        )
        """
    )
    op.execute("alter table orchestration.detectors enable row level security")
    op.execute("alter table orchestration.detectors force row level security")
    op.execute(f"create policy own_tenant on orchestration.detectors using ({_RULE}) with check ({_RULE})")
    role = context.config.attributes["runtime_role"]
    op.execute(f'grant select, insert, update, delete on orchestration.detectors to "{role}"')


def downgrade() -> None:
    op.execute("drop table orchestration.detectors")
