"""Tenants, API keys, signing keys, revocations and the audit log."""

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
_PLATFORM = "current_setting('app.platform', true) = 'on'"


def _own_tenant_only(table: str, *, column: str = "tenant_id", or_platform: bool = False) -> None:
    rule = f"{column} = {_TENANT}" + (f" or {_PLATFORM}" if or_platform else "")
    op.execute(f"alter table orchestration.{table} enable row level security")
    op.execute(f"alter table orchestration.{table} force row level security")
    op.execute(f"create policy own_tenant on orchestration.{table} using ({rule}) with check ({rule})")


def upgrade() -> None:
    op.execute(
        """
        create table orchestration.tenants (
            id         uuid primary key,
            name       text not null unique check (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
            created_at timestamptz not null default now()
        )
        """
    )
    op.execute(
        """
        insert into orchestration.tenants (id, name)
        values ('00000000-0000-4000-8000-000000000001', 'operator')
        """
    )
    op.execute(
        """
        create table orchestration.api_keys (
            tenant_id  uuid not null references orchestration.tenants (id),
            id         uuid not null,
            name       text not null check (char_length(name) between 1 and 128),
            roles      text[] not null,
            scopes     text[] not null,
            created_at timestamptz not null,
            expires_at timestamptz not null,
            revoked_at timestamptz,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute(
        """
        create table orchestration.revoked_tokens (
            token_id   text primary key check (char_length(token_id) <= 128),
            revoked_at timestamptz not null,
            expires_at timestamptz not null
        )
        """
    )
    op.execute(
        """
        create table orchestration.signing_keys (
            kid                   text primary key,
            public_key            bytea not null,
            private_key_encrypted bytea not null,
            created_at            timestamptz not null,
            retires_at            timestamptz
        )
        """
    )
    op.execute(
        """
        create table orchestration.audit_events (
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
        create table orchestration.audit_heads (
            tenant_id uuid primary key,
            length    bigint not null,
            hash      bytea not null
        )
        """
    )
    _own_tenant_only("tenants", column="id", or_platform=True)
    for table in ("api_keys", "audit_events", "audit_heads"):
        _own_tenant_only(table)

    role = context.config.attributes["runtime_role"]
    grants = {
        "tenants": "select, insert",
        "api_keys": "select, insert, update",
        "revoked_tokens": "select, insert, update, delete",
        "signing_keys": "select, insert, update",
        # Append-only: the service itself cannot change or remove what it wrote.
        "audit_events": "select, insert",
        "audit_heads": "select, insert, update",
    }
    for table, rights in grants.items():
        op.execute(f'grant {rights} on orchestration.{table} to "{role}"')


def downgrade() -> None:
    for table in (
        "audit_heads",
        "audit_events",
        "signing_keys",
        "revoked_tokens",
        "api_keys",
        "tenants",
    ):
        op.execute(f"drop table orchestration.{table}")
