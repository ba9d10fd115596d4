"""Reports, their files and schedules, and the queue's own tables."""

from typing import Any

from alembic import context, op
from procrastinate.schema import SchemaManager

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_GRANTS = {
    "reports": "select, insert, update",
    # A file is written once; the service itself can neither change nor remove it.
    "report_files": "select, insert",
    "report_schedules": "select, insert, update, delete",
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
        create table analysis.reports (
            tenant_id    uuid not null,
            id           uuid not null,
            framework    text not null check (char_length(framework) <= 128),
            period_start timestamptz not null,
            period_end   timestamptz not null,
            application  text check (char_length(application) <= 128),
            audience     text not null check (char_length(audience) <= 32),
            format       text not null check (char_length(format) <= 32),
            state        text not null check (char_length(state) <= 32),
            reason       text check (char_length(reason) <= 64),
            ordered_by   text not null check (char_length(ordered_by) <= 128),
            schedule_id  uuid,
            run          integer not null default 0,
            key_hash     bytea,
            created_at   timestamptz not null,
            finished_at  timestamptz,
            file         jsonb,
            primary key (tenant_id, id)
        )
        """
    )
    op.execute("create index reports_newest on analysis.reports (tenant_id, created_at desc, id desc)")
    op.execute(
        "create unique index reports_by_key on analysis.reports (tenant_id, key_hash)"
        " where key_hash is not null"
    )
    op.execute(
        """
        create table analysis.report_files (
            tenant_id uuid not null,
            report_id uuid not null,
            content   bytea not null,
            primary key (tenant_id, report_id),
            foreign key (tenant_id, report_id) references analysis.reports (tenant_id, id) on delete cascade
        )
        """
    )
    op.execute(
        """
        create table analysis.report_schedules (
            tenant_id   uuid not null,
            id          uuid not null,
            framework   text not null check (char_length(framework) <= 128),
            application text check (char_length(application) <= 128),
            audience    text not null check (char_length(audience) <= 32),
            format      text not null check (char_length(format) <= 32),
            cadence     text not null check (char_length(cadence) <= 32),
            next_at     timestamptz not null,
            created_by  text not null check (char_length(created_by) <= 128),
            created_at  timestamptz not null,
            primary key (tenant_id, id)
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    for table, rights in _GRANTS.items():
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant {rights} on analysis.{table} to "{role}"')
    _make_queue(role)


def _make_queue(role: str) -> None:
    # The queue's statements name its tables without a schema. Several statements at once go through the
    # driver only.
    driver: Any = op.get_bind().connection.driver_connection
    before = driver.execute("select current_setting('search_path')").fetchone()[0]
    driver.execute("select set_config('search_path', 'analysis', true)")
    driver.execute(SchemaManager.get_schema())
    driver.execute("select set_config('search_path', %s, true)", [before])
    for table in _QUEUE_TABLES:
        op.execute(f'grant select, insert, update, delete on analysis.{table} to "{role}"')
        if table != "procrastinate_workers":  # an identity column needs no right of its own
            op.execute(f'grant usage on sequence analysis.{table}_id_seq to "{role}"')


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
                where n.nspname = 'analysis' and starts_with(p.proname, 'procrastinate_')
            loop
                execute 'drop function ' || leftover.signature || ' cascade';
            end loop;
        end $$
        """
    )
    for table in (*_QUEUE_TABLES, "report_schedules", "report_files", "reports"):
        op.execute(f"drop table analysis.{table}")
    for kind in ("job_to_defer_v1", "job_event_type", "job_status"):
        op.execute(f"drop type analysis.procrastinate_{kind}")
