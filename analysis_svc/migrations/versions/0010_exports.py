"""Exports of evidence: the keys that sign them, and the ledger that numbers them."""

from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table analysis.evidence_keys (
            kid                   text primary key,
            public_key            bytea not null,
            private_key_encrypted bytea not null,
            created_at            timestamptz not null
        )
        """
    )
    op.execute(
        """
        create table analysis.evidence_exports (
            tenant_id   uuid not null,
            sequence    bigint not null check (sequence > 0),
            id          uuid not null,
            made_at     timestamptz not null,
            made_by     text not null,
            framework   text not null,
            start_at    timestamptz not null,
            end_at      timestamptz not null,
            application text,
            format      text not null,
            records     integer not null check (records >= 0),
            content     text not null,
            digest      text not null,
            kid         text not null,
            primary key (tenant_id, sequence)
        )
        """
    )
    op.execute("alter table analysis.evidence_exports enable row level security")
    op.execute("alter table analysis.evidence_exports force row level security")
    op.execute(f"create policy own_tenant on analysis.evidence_exports using ({_OWN}) with check ({_OWN})")
    role = context.config.attributes["runtime_role"]
    # What was signed stays checkable and what was exported stays exported: neither is changed or removed.
    for table in ("evidence_keys", "evidence_exports"):
        op.execute(f'grant select, insert on analysis.{table} to "{role}"')


def downgrade() -> None:
    op.execute("drop table analysis.evidence_exports")
    op.execute("drop table analysis.evidence_keys")
