"""Jobs and their items, data keys of tenants, idempotency records, and the queue's own tables."""

from typing import Any

from alembic import context, op
from procrastinate.schema import SchemaManager

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_GRANTS = {
    "data_keys": "select, insert",
    "jobs": "select, insert, update, delete",
    "job_items": "select, insert, update, delete",
    "idempotency_records": "select, insert, update, delete",
}
_QUEUE_TABLES = (
    "procrastinate_events",
    "procrastinate_periodic_defers",
    "procrastinate_jobs",
    "procrastinate_workers",
)


def upgrade() -> None:
    op.execute(
        """
        create table orchestration.data_keys (
            tenant_id  uuid not null references orchestration.tenants (id),
            id         uuid not null,
            wrapped    bytea not null,
            created_at timestamptz not null default now(),
            primary key (tenant_id, id)
        )
        """
    )
    op.execute(
        """
        create table orchestration.jobs (
            tenant_id        uuid not null references orchestration.tenants (id),
            id               uuid not null,
            submitter        text not null check (char_length(submitter) <= 128),
            state            text not null check (char_length(state) <= 32),
            reason           text check (char_length(reason) <= 64),
            options          jsonb not null,
            items            integer not null check (items > 0),
            succeeded        integer not null default 0,
            failed           integer not null default 0,
            run              integer not null default 0,
            idle_runs        integer not null default 0,
            pass_number      integer not null default 1,
            passes_left      integer not null,
            cancel_requested boolean not null default false,
            created_at       timestamptz not null,
            started_at       timestamptz,
            finished_at      timestamptz,
            waits_until      timestamptz,
            webhook_sealed   bytea,
            webhook_state    text check (char_length(webhook_state) <= 32),
            webhook_attempts integer not null default 0,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("create index jobs_newest on orchestration.jobs (tenant_id, created_at desc, id desc)")
    op.execute(
        """
        create table orchestration.job_items (
            tenant_id  uuid not null,
            job_id     uuid not null,
            position   integer not null check (position >= 0),
            reference  text check (char_length(reference) <= 128),
            state      text not null check (char_length(state) <= 32),
            attempts   integer not null default 0,
            sealed     bytea,
            status     integer,
            answer     text,
            error_code text check (char_length(error_code) <= 64),
            primary key (tenant_id, job_id, position),
            foreign key (tenant_id, job_id) references orchestration.jobs (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        """
        create table orchestration.idempotency_records (
            tenant_id   uuid not null references orchestration.tenants (id),
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
    op.execute(
        "create index idempotency_expired on orchestration.idempotency_records (tenant_id, expires_at)"
    )
    role = context.config.attributes["runtime_role"]
    for table, rights in _GRANTS.items():
        op.execute(f"alter table orchestration.{table} enable row level security")
        op.execute(f"alter table orchestration.{table} force row level security")
        op.execute(f"create policy own_tenant on orchestration.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant {rights} on orchestration.{table} to "{role}"')
    _make_queue(role)


def _make_queue(role: str) -> None:
    # The queue's statements name its tables without a schema. Several statements at once go through the
    # driver only.
    driver: Any = op.get_bind().connection.driver_connection
    before = driver.execute("select current_setting('search_path')").fetchone()[0]
    driver.execute("select set_config('search_path', 'orchestration', true)")
    driver.execute(SchemaManager.get_schema())
    driver.execute("select set_config('search_path', %s, true)", [before])
    for table in _QUEUE_TABLES:
        op.execute(f'grant select, insert, update, delete on orchestration.{table} to "{role}"')
        if table != "procrastinate_workers":  # an identity column needs no right of its own
            op.execute(f'grant usage on sequence orchestration.{table}_id_seq to "{role}"')


def downgrade() -> None:
    # Functions first, and their triggers with them: one of them answers rows of a table.
    op.execute(
        """
        do $$
        declare
            leftover record;
        begin
            for leftover in
                select p.oid::regprocedure as signature from pg_proc p
                join pg_namespace n on n.oid = p.pronamespace
                where n.nspname = 'orchestration' and starts_with(p.proname, 'procrastinate_')
            loop
                execute 'drop function ' || leftover.signature || ' cascade';
            end loop;
        end $$
        """
    )
    for table in (*_QUEUE_TABLES, "idempotency_records", "job_items", "jobs", "data_keys"):
        op.execute(f"drop table orchestration.{table}")
    for kind in ("job_to_defer_v1", "job_event_type", "job_status"):
        op.execute(f"drop type orchestration.procrastinate_{kind}")
