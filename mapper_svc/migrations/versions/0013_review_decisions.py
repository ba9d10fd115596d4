"""What people say labels in review mean, and whether a second person agrees."""

from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute(
        """
        create table mapper.review_decisions (
            tenant_id   uuid not null,
            id          uuid not null default gen_random_uuid(),
            item_id     uuid not null,
            number      integer not null check (number > 0),
            vendor      text not null check (char_length(vendor) <= 128),
            raw_label   text not null check (char_length(raw_label) <= 200),
            verdict     text not null,
            right_label text check ((right_label is null) = (verdict = 'not_a_label')),
            lang        text not null,
            taxonomy    text not null,
            decided_at  timestamptz not null default now(),
            decided_by  text not null,
            primary key (tenant_id, id),
            unique (tenant_id, item_id, number)
        )
        """
    )
    op.execute(
        """
        create table mapper.review_decision_reviews (
            tenant_id   uuid not null,
            decision_id uuid not null,
            accepted    boolean not null,
            reviewed_at timestamptz not null default now(),
            reviewed_by text not null,
            primary key (tenant_id, decision_id),
            foreign key (tenant_id, decision_id)
                references mapper.review_decisions (tenant_id, id) on delete cascade
        )
        """
    )
    runtime, pipeline = (context.config.attributes[name] for name in ("runtime_role", "pipeline_role"))
    for table in ("review_decisions", "review_decision_reviews"):
        op.execute(f"alter table mapper.{table} enable row level security")
        op.execute(f"alter table mapper.{table} force row level security")
        op.execute(f"create policy own_tenant on mapper.{table} using ({_OWN}) with check ({_OWN})")
        # What was said stays as it was said: the service itself can neither change nor remove it.
        op.execute(f'grant select, insert on mapper.{table} to "{runtime}"')
        if pipeline:
            op.execute(f'grant select, delete on mapper.{table} to "{pipeline}"')


def downgrade() -> None:
    op.execute("drop table mapper.review_decision_reviews")
    op.execute("drop table mapper.review_decisions")
