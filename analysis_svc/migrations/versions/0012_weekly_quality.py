"""The pipelines keep what the quality came to week by week."""

from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        op.execute(f'grant select, insert on analysis.quality_evaluations to "{role}"')


def downgrade() -> None:
    if role := context.config.attributes["pipeline_role"]:
        op.execute(f'revoke all on analysis.quality_evaluations from "{role}"')
