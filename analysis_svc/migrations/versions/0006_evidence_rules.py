"""What an analysis was made with, and what tenants ask of their evidence, every version kept.

Only adds: an analysis of before has no versions, and a service of before, which writes none, is not hindered.
"""

from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def upgrade() -> None:
    op.execute("alter table analysis.analyses add column versions jsonb")
    op.execute(
        """
        create table analysis.evidence_rules (
            tenant_id  uuid not null,
            version    bigint not null check (version > 0),
            chosen     jsonb not null,
            changed_at timestamptz not null default now(),
            changed_by text not null,
            primary key (tenant_id, version)
        )
        """
    )
    op.execute("alter table analysis.evidence_rules enable row level security")
    op.execute("alter table analysis.evidence_rules force row level security")
    op.execute(f"create policy own_tenant on analysis.evidence_rules using ({_OWN}) with check ({_OWN})")
    role = context.config.attributes["runtime_role"]
    # A change is a new version: the service itself cannot alter or remove an old one.
    op.execute(f'grant select, insert on analysis.evidence_rules to "{role}"')


def downgrade() -> None:
    op.execute("drop table analysis.evidence_rules")
    op.execute("alter table analysis.analyses drop column versions")
