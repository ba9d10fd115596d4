"""The tables of exports: the keys that sign them, and the ledger that numbers them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from analysis_svc.adapters.tables import metadata

evidence_keys = sa.Table(
    "evidence_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("private_key_encrypted", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
)

evidence_exports = sa.Table(
    "evidence_exports",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("id", UUID(as_uuid=True), nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("framework", sa.Text, nullable=False),
    sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("end_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("application", sa.Text),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("records", sa.Integer, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("kid", sa.Text, nullable=False),
)
