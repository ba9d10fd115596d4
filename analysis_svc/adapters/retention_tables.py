"""Legal holds and erasures as rows."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from analysis_svc.adapters.tables import metadata

legal_holds = sa.Table(
    "legal_holds",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("application", sa.Text),
    sa.Column("covers_from", sa.DateTime(timezone=True)),
    sa.Column("covers_to", sa.DateTime(timezone=True)),
    sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("released_at", sa.DateTime(timezone=True)),
    sa.Column("released_by", sa.Text),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("subject_hash", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("finished_at", sa.DateTime(timezone=True)),
    sa.Column("analyses", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("findings", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
)
