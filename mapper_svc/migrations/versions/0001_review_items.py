"""Labels that no rule knows, kept per tenant for a person to review."""

from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create table mapper.review_items (
            tenant_id   uuid not null,
            id          uuid not null default gen_random_uuid(),
            vendor      text not null check (char_length(vendor) <= 128),
            raw_label   text not null check (char_length(raw_label) <= 200),
            guesses     jsonb not null,
            occurrences bigint not null check (occurrences > 0),
            first_seen  timestamptz not null default now(),
            last_seen   timestamptz not null default now(),
            primary key (tenant_id, id),
            unique (tenant_id, vendor, raw_label)
        )
        """
    )
    op.execute("create index review_items_recent on mapper.review_items (tenant_id, last_seen desc, id)")
    op.execute("alter table mapper.review_items enable row level security")
    op.execute("alter table mapper.review_items force row level security")
    op.execute(
        """
        create policy own_tenant on mapper.review_items
            using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
        """
    )
    role = context.config.attributes["runtime_role"]
    op.execute(f'grant select, insert, update on mapper.review_items to "{role}"')


def downgrade() -> None:
    op.execute("drop table mapper.review_items")
