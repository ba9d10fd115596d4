"""An analysis that is sent again under its request id is kept once.

Only adds: rows of before have no digest and stay as they are, and a service of before, which writes none, is
not hindered.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table analysis.analyses add column digest bytea")
    # No row has a digest yet, so the index is built by one pass over the table and starts empty.
    op.execute(
        "create unique index analyses_once on analysis.analyses (tenant_id, request_id, digest) "
        "where digest is not null"
    )


def downgrade() -> None:
    op.execute("drop index analysis.analyses_once")
    op.execute("alter table analysis.analyses drop column digest")
