"""What each tenant chose for its requests, every version kept."""

from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table orchestration.tenant_settings (
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
    op.execute("alter table orchestration.tenant_settings enable row level security")
    op.execute("alter table orchestration.tenant_settings force row level security")
    op.execute(
        f"create policy own_tenant on orchestration.tenant_settings using ({_OWN}) with check ({_OWN})"
    )
    role = context.config.attributes["runtime_role"]
    # A change is a new version: the service itself cannot alter or remove an old one.
    op.execute(f'grant select, insert on orchestration.tenant_settings to "{role}"')


def downgrade() -> None:
    op.execute("drop table orchestration.tenant_settings")
