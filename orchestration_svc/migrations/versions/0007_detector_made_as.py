"""The id under which a version of a detector was added: an Idempotency-Key finds what it made, no other."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table orchestration.detectors add column made_as uuid")


def downgrade() -> None:
    op.execute("alter table orchestration.detectors drop column made_as")
