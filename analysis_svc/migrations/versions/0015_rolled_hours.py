"""Evidence counted by the hour, so that the status of a month need not read each of its analyses.

Only adds; nothing is counted here, that is done as questions are asked. Whatever changes rows of an hour that
is counted takes its count away in the same transaction, by triggers that run with the rights of whoever does
it. A new analysis costs one comparison: the trigger itself runs only for one that is an hour late.
"""

from alembic import context, op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
_PARTS = {
    "rolled_looks": "clean text[] not null, analyses bigint not null, first_at timestamptz not null,"
    " last_at timestamptz not null",
    "rolled_labels": "label text not null, findings bigint not null, strong bigint not null,"
    " strong_analyses bigint not null, strong_in uuid[] not null, strong_at timestamptz[] not null",
    "rolled_controls": "control text not null, analyses bigint not null, evidence uuid[] not null,"
    " evidence_at timestamptz[] not null",
    "rolled_versions": "taxonomy text not null, versions jsonb, analyses bigint not null",
}


def upgrade() -> None:
    op.execute(
        """
        create table analysis.rolled_hours (
            tenant_id uuid not null,
            hour      timestamptz not null,
            way       text not null,
            holder    uuid not null,
            rolled_at timestamptz,
            primary key (tenant_id, hour)
        )
        """
    )
    for table, columns in _PARTS.items():
        op.execute(
            f"""
            create table analysis.{table} (
                tenant_id   uuid not null,
                hour        timestamptz not null,
                application text,
                {columns},
                foreign key (tenant_id, hour)
                    references analysis.rolled_hours (tenant_id, hour) on delete cascade
            )
            """
        )
        op.execute(f"create index {table}_by_hour on analysis.{table} (tenant_id, hour)")
    _secure()
    _watch()


def _secure() -> None:
    runtime, pipeline = (context.config.attributes[name] for name in ("runtime_role", "pipeline_role"))
    for table in ("rolled_hours", *_PARTS):
        op.execute(f"alter table analysis.{table} enable row level security")
        op.execute(f"alter table analysis.{table} force row level security")
        op.execute(f"create policy own_tenant on analysis.{table} using ({_OWN}) with check ({_OWN})")
        op.execute(f'grant select, insert on analysis.{table} to "{runtime}"')
    op.execute(f'grant delete, update (rolled_at, holder) on analysis.rolled_hours to "{runtime}"')
    if pipeline:
        op.execute(f'grant select, delete on analysis.rolled_hours to "{pipeline}"')


def _watch() -> None:
    op.execute(
        """
        create function analysis.forget_hour() returns trigger language plpgsql as $$
        begin
            delete from analysis.rolled_hours
            where tenant_id = new.tenant_id and hour = date_trunc('hour', new.analysed_at, 'UTC');
            return null;
        end $$
        """
    )
    op.execute(
        """
        create function analysis.forget_hours() returns trigger language plpgsql as $$
        begin
            delete from analysis.rolled_hours rolled
            using (
                select distinct tenant_id, date_trunc('hour', analysed_at, 'UTC') as hour from changed
            ) gone
            where rolled.tenant_id = gone.tenant_id and rolled.hour = gone.hour;
            return null;
        end $$
        """
    )
    # By the clock, not by when the transaction began: it is held against when an hour was taken up.
    op.execute(
        """
        create trigger forget_hour_of_late after insert on analysis.analyses for each row
        when (new.analysed_at < clock_timestamp() - interval '1 hour')
        execute function analysis.forget_hour()
        """
    )
    for verb, row in (("delete", "old"), ("update", "old"), ("update", "new")):
        op.execute(
            f"""
            create trigger forget_hours_of_{verb}_{row} after {verb} on analysis.analyses
            referencing {row} table as changed for each statement execute function analysis.forget_hours()
            """
        )


def downgrade() -> None:
    for name in ("late", "delete_old", "update_old", "update_new"):
        word = "forget_hour" if name == "late" else "forget_hours"
        op.execute(f"drop trigger {word}_of_{name} on analysis.analyses")
    op.execute("drop function analysis.forget_hours()")
    op.execute("drop function analysis.forget_hour()")
    for table in (*_PARTS, "rolled_hours"):
        op.execute(f"drop table analysis.{table}")
