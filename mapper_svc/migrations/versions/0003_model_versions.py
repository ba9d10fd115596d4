"""The versions of the model, the trials they went through, and what was counted of them.

They belong to no tenant: one registry serves all, and only the platform's admins change it.
"""

from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = {
    "model_registry": "select, insert, update",
    "model_versions": "select, insert, update",
    "model_trials": "select, insert, update",
    "model_trial_totals": "select, insert, update",
    "model_trial_slots": "select, insert, update, delete",
}


def upgrade() -> None:
    # Its one row is what a change locks and what the replicas ask for.
    op.execute(
        """
        create table mapper.model_registry (
            id       boolean primary key default true check (id),
            revision bigint not null
        )
        """
    )
    op.execute(
        """
        create table mapper.model_versions (
            id           text primary key check (id ~ '^[0-9a-f]{12}$'),
            version      jsonb not null,
            url          text not null check (char_length(url) <= 512),
            token_env    text check (char_length(token_env) <= 128),
            state        text not null
                check (state in ('candidate', 'shadow', 'canary', 'active', 'previous', 'retired')),
            source       text not null check (source in ('config', 'api')),
            created_at   timestamptz not null,
            activated_at timestamptz,
            left_at      timestamptz
        )
        """
    )
    op.execute(
        "create unique index model_versions_one_active "
        "on mapper.model_versions ((true)) where state = 'active'"
    )
    op.execute(
        """
        create table mapper.model_trials (
            id         uuid primary key,
            kind       text not null check (kind in ('shadow', 'canary', 'ab')),
            version    text not null references mapper.model_versions (id),
            percent    integer not null check (percent between 0 and 99),
            salt       bytea not null,
            started_at timestamptz not null,
            ended_at   timestamptz,
            outcome    text check (outcome in ('promoted', 'aborted', 'replaced', 'rolled_back')),
            reason     text check (char_length(reason) <= 500),
            check ((ended_at is null) = (outcome is null))
        )
        """
    )
    op.execute(
        "create unique index model_trials_one_running on mapper.model_trials ((true)) where ended_at is null"
    )
    op.execute(
        """
        create table mapper.model_trial_totals (
            trial_id uuid not null,
            name     text not null,
            number   bigint not null,
            primary key (trial_id, name)
        )
        """
    )
    op.execute(
        """
        create table mapper.model_trial_slots (
            trial_id uuid not null,
            slot     bigint not null,
            name     text not null,
            number   bigint not null,
            primary key (trial_id, slot, name)
        )
        """
    )
    role = context.config.attributes["runtime_role"]
    for table, rights in _TABLES.items():
        op.execute(f'grant {rights} on mapper.{table} to "{role}"')


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"drop table mapper.{table}")
