"""What the pipelines remove when its term is over, and the tenants that they go through."""

from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MAY = {
    "tenants": ("select (id)",),
    "tenant_settings": ("select",),
    "api_keys": ("select (tenant_id, id, expires_at), delete",),
    "jobs": ("select (tenant_id, id, finished_at), delete",),
    "job_items": ("select (tenant_id, job_id), delete",),
    "idempotency_records": ("select (tenant_id, key_hash, expires_at), delete",),
    "audit_events": ("select, insert",),
    "audit_heads": ("select, insert, update",),
}


def upgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table, rights in _MAY.items():
            for right in rights:
                op.execute(f'grant {right} on orchestration.{table} to "{role}"')


def downgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table in _MAY:
            op.execute(f'revoke all on orchestration.{table} from "{role}"')
