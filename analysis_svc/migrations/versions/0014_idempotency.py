"""Requests that were sent under a key: hashes, and the sealed answer, for a day."""

from alembic import context, op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table analysis.idempotency_records (
            tenant_id   uuid not null,
            key_hash    bytea not null,
            body_hash   bytea not null,
            resource_id uuid not null,
            holder      uuid not null,
            status      integer,
            answer      bytea,
            held_until  timestamptz not null,
            expires_at  timestamptz not null,
            primary key (tenant_id, key_hash)
        )
        """
    )
    op.execute("create index idempotency_expired on analysis.idempotency_records (tenant_id, expires_at)")
    op.execute("alter table analysis.idempotency_records enable row level security")
    op.execute("alter table analysis.idempotency_records force row level security")
    op.execute(f"create policy own_tenant on analysis.idempotency_records using ({_OWN}) with check ({_OWN})")
    role = context.config.attributes["runtime_role"]
    op.execute(f'grant select, insert, update, delete on analysis.idempotency_records to "{role}"')
    if pipeline := context.config.attributes["pipeline_role"]:
        for right in ("select (tenant_id, key_hash, expires_at)", "delete"):
            op.execute(f'grant {right} on analysis.idempotency_records to "{pipeline}"')


def downgrade() -> None:
    op.execute("drop table analysis.idempotency_records")
