"""The table of what tenants ask of their evidence."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from analysis_svc.adapters.tables import metadata

evidence_rules = sa.Table(
    "evidence_rules",
    metadata,
    sa.Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("chosen", JSONB, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)
