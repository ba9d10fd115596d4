"""${message}.

Expand, then contract; a tested downgrade; no long lock.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "raise RuntimeError('write the migration')"}


def downgrade() -> None:
    ${downgrades if downgrades else "raise RuntimeError('write the downgrade')"}
