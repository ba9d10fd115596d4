"""What the pipelines remove of reports, weekly figures and tenants' documents when their term is over."""

from alembic import context, op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MAY = {
    "quality_evaluations": ("select (tenant_id, span_end), delete",),
    "reports": ("select (tenant_id, id, created_at, application), delete",),
    "report_files": ("select (tenant_id, report_id), delete",),
    "knowledge_documents": ("select (tenant_id, id, added_at), delete",),
    "knowledge_chunks": ("select (tenant_id, document_id), delete",),
    "knowledge_postings": ("select (tenant_id, document_id), delete",),
}


def upgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table, rights in _MAY.items():
            for right in rights:
                op.execute(f'grant {right} on analysis.{table} to "{role}"')


def downgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        for table in _MAY:
            op.execute(f'revoke all on analysis.{table} from "{role}"')
