"""The audit log: append-only, one hash chain for each tenant; acts of the platform are in the operator's."""

from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table analysis.audit_events (
            tenant_id     uuid not null,
            seq           bigint not null check (seq > 0),
            at            timestamptz not null,
            actor         text not null,
            action        text not null,
            subject       text not null,
            detail        jsonb not null,
            previous_hash bytea not null,
            hash          bytea not null,
            primary key (tenant_id, seq)
        )
        """
    )
    op.execute(
        """
        create table analysis.audit_heads (
            tenant_id uuid primary key,
            length    bigint not null,
            hash      bytea not null
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    # Append-only: the service itself cannot change or remove what it wrote.
    for table, rights in {"audit_events": "select, insert", "audit_heads": "select, insert, update"}.items():
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant {rights} on analysis.{table} to "{role}"')


def downgrade() -> None:
    op.execute("drop table analysis.audit_heads")
    op.execute("drop table analysis.audit_events")
