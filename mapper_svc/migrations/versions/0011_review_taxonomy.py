"""Each label in review says of which taxonomy edition its guesses are."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The default is the edition of every row so far, and of those that a process of the last version writes.
    op.execute("alter table mapper.review_items add column taxonomy text not null default '2026.11'")


def downgrade() -> None:
    op.execute("alter table mapper.review_items drop column taxonomy")
