"""What the pipelines remove when its term is over."""

from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_MAY = {
    "tenant_settings": ("select",),
    "review_items": ("select (tenant_id, id, last_seen), delete",),
    "audit_events": ("select, insert",),
    "audit_heads": ("select, insert, update",),
}


def upgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table, rights in _MAY.items():
            for right in rights:
                op.execute(f'grant {right} on mapper.{table} to "{role}"')


def downgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table in _MAY:
            op.execute(f'revoke all on mapper.{table} from "{role}"')
