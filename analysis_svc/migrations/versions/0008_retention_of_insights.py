"""What the pipelines remove of incidents and feedback when their term is over."""

from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MAY = {
    "incidents": ("select, delete",),
    "incident_evidence": ("select, delete",),
    "feedback": ("select, delete",),
    "feedback_reviews": ("select, delete",),
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
